#!/usr/bin/env perl
# run, several at once of one program: each has the DLL, and the last leaves nothing behind, whatever the order in which they
# begin and end.  VMMC_CTL_ROUNDS says how often.
use strict;
use warnings;
use Test::More;
use ctl_test;

my $folder = folder_of('runs');
my $program = put("$build/ctl_IMPORT.exe", "$folder/one.exe");
my $before = tree($folder);

for my $round (1 .. $ENV{VMMC_CTL_ROUNDS} // 4) {
    my @runs = map { launch({}, "$build/vmmcctl.exe", 'run', spell($program), 'beside') } 1 .. 2 + $round % 3;
    my @codes = map { wait_for_end($_) } @runs;
    is("@codes", join(' ', (0) x @runs), "round $round: each of them had the DLL") or diag(complaints());
    is(tree($folder), $before, '... and nothing is left in the folder') or diag(slurp("$folder/vmmcctl.txt"));
}
is(override_of($program), undef, 'nothing is left in the registry');

# ---- the record cannot be read when a run ends ----
my $server_program = put("$build/netbench.exe", folder_of('kept') . '/kept.exe');
$before = tree("$scratch/kept");
my ($port, $ready) = ("$scratch/port", "$scratch/ready");
my $run = launch({}, "$build/vmmcctl.exe", 'run', spell($server_program), 'server', '--port-file', spell($port));
ok(wait_for(sub { -s $port }), 'a program runs');
my $editor = launch({}, "$build/ctl_keep_open.exe", spell("$scratch/kept/vmmcctl.txt"), spell($ready));
ok(wait_for(sub { -e $ready }), 'somebody has the record open');
my $second = ctl('install', spell($server_program));
is($second->{code}, 1, 'nothing is installed meanwhile');
like($second->{err}, qr/vmmcctl\.txt .*cannot be read/, '... and why');
is(wait_for_end(launch({}, $server_program, 'client', 'rtt', '--port-file', spell($port), '--milliseconds', '10')), 0,
    'the program has done its work');
is(wait_for_end($run), 0, '... and ends');
like(complaints(), qr/left for the next vmmcctl.*cannot be read/, '... its vmmcctl says what it has to leave');
end_all();
ok(wait_for(sub { ctl('check', spell($server_program)); tree("$scratch/kept") eq $before }), 'the next vmmcctl tidies up')
    or diag(slurp("$scratch/kept/vmmcctl.txt"));
is(override_of($server_program), undef, '... the registry too');

# ---- what no note tells of any more ----
put("$build/wsock32.dll", "$scratch/kept/wsock32.dll");
open my $record, '>', "$scratch/kept/vmmcctl.txt" or die $!;
print $record "vmmcctl record 1\r\ndll 64 0 0\r\nprogram run-4000000-1-1 other.exe\r\n";
close $record;
is(ctl('run', spell($server_program))->{code}, 2, 'a run beside one whose end nobody noted');
is(tree("$scratch/kept"), "$before wsock32.dll:" . (-s "$build/wsock32.dll"), '... leaves what was there before alone')
    or diag(slurp("$scratch/kept/vmmcctl.txt"));

done_testing();
