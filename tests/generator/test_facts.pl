#!/usr/bin/env perl
# The built DLL against the facts about Windows' wsock32 (stubs/wsock32.tbl), and the facts against two witnesses that
# nobody here wrote: mingw-w64's import library and Wine's wsock32.
# usage: test_facts.pl DLL TRIPLET
use strict;
use warnings;
use FindBin qw($Bin);
use lib $Bin;
use Test::More;
use generator_test;

my ($dll, $triplet) = @ARGV;
my $i386 = $triplet =~ /^i686/;

sub facts {
    my %facts;
    for (split /\n/, slurp(source_root() . '/stubs/wsock32.tbl')) {
        my ($name, $ordinal, $bytes, $target, $kind) = /^(\w+)\s+(\d+)\s+(\d+)\s+(\w+)\s+(\S+)/ or next;
        $facts{$name} = { ordinal => $ordinal, bytes => $bytes, kind => $kind };
    }
    return \%facts;
}

sub output_of {
    my ($tool, @arguments) = @_;
    my ($status, $output) = run("$triplet-$tool", @arguments);
    $status == 0 or die "$triplet-$tool @arguments: $output";
    return $output;
}

# Name to ordinal, read here independently of the generator's own reader.
sub export_table {
    my ($file) = @_;
    my $dump = output_of('objdump', '-p', $file);
    my ($names) = $dump =~ /^\[Ordinal\/Name Pointer\] Table.*?\n(.*?)\n\n/ms;
    my %table = map { /\[\s*(\d+)\](?:\s+\+base\S*\s*\d+\]\s+\w+)?\s+(\S+)/ ? ($2 => $1 + 1) : () } split /\n/, $names;
    return (\%table, $dump);
}

sub names_and_ordinals {
    my ($facts) = @_;
    my ($table, $dump) = export_table($dll);
    is_deeply($table, { map { $_ => $facts->{$_}{ordinal} } keys %$facts }, 'every name and ordinal, and no others');
    like($dump, qr/^Ordinal Base\s+1$/m, 'the ordinal base is 1');
    my $addresses = () = $dump =~ /\+base\[\s*\d+\]\s+\w+ Export RVA/g;
    is($addresses, scalar keys %$facts, 'no export without a name, no forwarder');
}

sub imports {
    my %imported = map { lc($_) => 1 } output_of('objdump', '-p', $dll) =~ /DLL Name: (\S+)/g;
    is_deeply([sort keys %imported], ['kernel32.dll', 'msvcrt.dll'], 'imports KERNEL32 and msvcrt only');
}

# The names and ordinals where other tables of wsock32 are known to be wrong, and the ends of the list.
sub traps {
    my ($facts) = @_;
    my %trap = (inet_addr => 10, inet_ntoa => 11, ioctlsocket => 12, MigrateWinsockConfiguration => 24, send => 19,
        WSApSetPostRoutine => 1000, WsControl => 1001, __WSAFDIsSet => 151, WEP => 500, accept => 1,
        GetAcceptExSockaddrs => 1142);
    is_deeply({ map { $_ => $facts->{$_}{ordinal} } keys %trap }, \%trap, 'ordinals that are not those of ws2_32');
    is(scalar keys %$facts, 76, '75 exports of Windows, and WsControl');
}

# Body of each export: name of the symbol in the .def.
sub bodies {
    return slurp(source_root() . '/wsock32.def') =~ /^ +(\S+) = (\S+) \@\d+$/mg;
}

# The compiler writes the count into the symbol, and into every return instruction of the function.
sub stack_bytes {
    my ($facts) = @_;
    my %body = bodies();
    my %symbol = map { /^\w+ [Tt] _(\w+)(?:@(\d+))?$/ ? ($1 => $2) : () } split /\n/, output_of('nm', $dll);
    my %code = output_of('objdump', '-d', '--no-show-raw-insn', $dll) =~ /^\w+ <_(\w+)(?:@\d+)?>:\n(.*?)\n(?=\n|\z)/msg;
    for my $name (sort keys %$facts) {
        my $bytes = $facts->{$name}{bytes};
        my $jumps = $facts->{$name}{kind} eq 'jump';
        is($symbol{$body{$name}}, $jumps ? undef : $bytes, "$name: decorated with \@$bytes");
        my @returns = ($code{$body{$name}} // '') =~ /\tret\b[ ]*(\S*)/g;
        my @wrong = grep { ($_ ? hex s/\$//r : 0) != $bytes } @returns;
        is_deeply(\@wrong, [], "$name: returns pop $bytes");
    }
}

sub import_library_agrees {
    my ($facts) = @_;
    my $library = output_of('gcc', '-print-file-name=libwsock32.a') =~ s/\n//r;
    my %seen = output_of('nm', $library) =~ /^\w+ T _(\w+)@(\d+)$/mg;
    cmp_ok(scalar keys %seen, '>', 60, 'the import library lists most exports');
    is($facts->{$_}{bytes}, $seen{$_}, "$_: bytes as in mingw-w64's import library") for sort keys %seen;
}

sub wine_agrees {
    my ($facts) = @_;
    my $builtin = $i386 ? '/usr/lib/i386-linux-gnu/wine/i386-windows/wsock32.dll'
        : '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/wsock32.dll';
    SKIP: {
        skip "$builtin is not here", 1 unless -f $builtin;
        my ($table) = export_table($builtin);
        is($facts->{$_}{ordinal}, $table->{$_}, "$_: ordinal as in Wine's wsock32") for sort keys %$table;
    }
}

my $facts = facts();
names_and_ordinals($facts);
imports();
traps($facts);
wine_agrees($facts);
if ($i386) {
    stack_bytes($facts);
    import_library_agrees($facts);
}
done_testing();
