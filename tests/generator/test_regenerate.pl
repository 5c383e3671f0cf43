#!/usr/bin/env perl
# What is committed in gen/ and wsock32.def is what the generator writes today.
use strict;
use warnings;
use FindBin qw($Bin);
use lib $Bin;
use Test::More;
use generator_test;

plan skip_all => 'the headers of mingw-w64 are not here' unless is_program_there('x86_64-w64-mingw32-gcc');

sub names_in { my ($dir) = @_; return map { s{.*/}{}r } sort glob("$dir/*.[ch]"); }

my $root = source_root();
my $out = scratch();
my ($status, $output) = run("$root/tools/gen_wsock32.sh", $out);
is($status, 0, 'the generator runs') or diag $output;
is_deeply([names_in("$root/gen")], [names_in($out)], 'gen/ has the files the generator writes, and no others');
for my $file (names_in($out)) {
    is(slurp("$root/gen/$file"), slurp("$out/$file"), "gen/$file is up to date (else run tools/gen_wsock32.sh)");
    like(slurp("$root/gen/$file"), qr{^/\* Written by tools/gen_stubs\.pl}, "gen/$file names its generator");
}
is(slurp("$root/wsock32.def"), slurp("$out/wsock32.def"), 'wsock32.def is up to date (else run tools/gen_wsock32.sh)');
done_testing();
