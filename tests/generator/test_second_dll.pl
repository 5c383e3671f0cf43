#!/usr/bin/env perl
# The generator serves any DLL: stubs for Wine's ws2_32, from objdump's output, are generated, compiled and linked.
# usage: test_second_dll.pl TRIPLET
use strict;
use warnings;
use FindBin qw($Bin);
use lib $Bin;
use Test::More;
use generator_test;

my ($triplet) = @ARGV;
my $i386 = $triplet =~ /^i686/;
my $dll = $i386 ? '/usr/lib/i386-linux-gnu/wine/i386-windows/ws2_32.dll'
    : '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/ws2_32.dll';
plan skip_all => "$dll is not here" unless -f $dll;

my $stubs = source_root() . '/stubs';
my $out = scratch();
my ($status, $dump) = run("$triplet-objdump", '-p', $dll);
is($status, 0, 'objdump reads ws2_32.dll');

my $output;
($status, $output) = generate('--dll', 'ws2_32', '--exports', spew("$out/ws2_32.dump", $dump),
    '--prototypes', sample('ws2_32_prototypes.tbl'), '--scan', 'psdk_inc/_fd_types.h',
    (map { ('--header', $_) } qw(winsock2.h ws2tcpip.h ws2spi.h mswsock.h sporder.h)),
    '--include-dir', "/usr/$triplet/include", '--out', $out, '--def', "$out/ws2_32.def");
is($status, 0, 'stubs are generated') or diag $output;

my @exports = slurp("$out/ws2_32.def") =~ /^ +(\S+) = stub_\S+ \@\d+$/mg;
cmp_ok(scalar @exports, '>', 130, 'there are as many as ws2_32 has');

my @compile = ("$triplet-gcc", '-O2', '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-Wmissing-prototypes',
    '-D_WIN32_WINNT=0x0A00', "-I$out", "-I$stubs");
($status, $output) = run(@compile, '-c', "$out/ws2_32_stubs.c", '-o', "$out/ws2_32_stubs.o");
is($status, 0, 'they compile without warnings') or diag $output;
($status, $output) = run(@compile, '-shared', '-static-libgcc', '-Wl,--fatal-warnings',
    $i386 ? '-Wl,--enable-stdcall-fixup' : (), "$out/ws2_32_stubs.o", "$stubs/forward.c", "$out/ws2_32.def",
    '-o', "$out/ws2_32.dll");
is($status, 0, 'they link') or diag $output;

sub names_by_index {
    my %names = $_[0] =~ /^\t\[\s*(\d+)\](?:\s+\+base\[\s*\d+\]\s+\w+)?\s+([A-Za-z_]\w*)$/mg;
    return \%names;
}

($status, $output) = run("$triplet-objdump", '-p', "$out/ws2_32.dll");
is_deeply(names_by_index($output), names_by_index($dump), 'names and ordinals are those of the original');
done_testing();
