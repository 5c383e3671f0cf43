#!/usr/bin/env perl
# run: one run with the transport, nothing left behind, not even by a vmmcctl that was killed.
use strict;
use warnings;
use Test::More;
use ctl_test;
use FindBin;

my $source = $FindBin::Bin;

my $folder = folder_of('run');
my $program = put("$build/netbench.exe", "$folder/netbench.exe");
my $before = tree($folder);

# ---- two at once, of one program ----
my $port = "$scratch/port";
my $server = launch({}, "$build/vmmcctl.exe", 'run', '--log', 'info', '--log-file', spell("$scratch/log") . '.%p',
    spell($program), 'server', '--port-file', spell($port));
ok(wait_for(sub { -s $port }), 'the server runs');
my $client = ctl('run', '--set', 'ring_size=32K', '--log', 'debug', '--log-file', spell("$scratch/log") . '.%p',
    spell($program), 'client', 'rtt', '--port-file', spell($port), '--milliseconds', '50');
is($client->{code}, 0, 'the client ends well') or diag($client->{all});
like($client->{out}, qr/"test":"rtt"/, '... and its output is the program\'s alone');
is(wait_for_end($server), 0, 'so does the server');
my $logs = join '', map { slurp($_) } glob "$scratch/log.*";
like($logs, qr/user-level, with process/, 'they were user-level');
like($logs, qr/a ring of 32768 bytes/, '... with the setting');
is(tree($folder), $before, 'nothing is left in the folder');
is(override_of($program), undef, '... nor in the registry');

# ---- what the program says, and what it gets ----
my $wrong = ctl('run', spell($program), 'a "b" c\\', '');
is($wrong->{code}, 2, 'the exit code is the program\'s');
like($wrong->{err}, qr/bad argument 'a "b" c\\'/, '... which gets its arguments as they are');
my $no = ctl('run', spell("$build/ctl_NOTHING.exe"));
is($no->{code}, 1, 'what cannot have it is not started');
like($no->{err}, qr/imports or names wsock32/, '... and why');

{
    local $ENV{WINEDLLOVERRIDES} = 'msvcrt=b;wsock32,winmm=b';
    my $hindered = ctl('run', spell($program));
    like($hindered->{err}, qr/WINEDLLOVERRIDES/, 'an environment in which it could not work is noticed');
}

# ---- a process that ends before the program begins ----
SKIP: {
    skip 'a library for the 32-bit Wine would need a 32-bit compiler', 6 if $build eq $build32;
    my $early = "$scratch/early_end.so";
    is(system('cc', '-shared', '-fPIC', '-o', $early, "$source/early_end.c"), 0, 'what ends a process early is built');
    my $other = put("$build/ctl_IMPORT.exe", folder_of('early') . '/early.exe');
    my $flag = put($other, "$scratch/flag");
    local %ENV = (%ENV, LD_PRELOAD => $early, EARLY_END => '\\early.exe', EARLY_END_FLAG => $flag);
    my $again = ctl('run', spell($other), 'beside');
    is($again->{code}, 0, 'it is started again') or diag($again->{all});
    ok(!-e $flag, '... after such an end');
    delete $ENV{EARLY_END_FLAG};
    my $never = ctl('run', spell($other), 'beside');
    is($never->{code}, 1, 'one that never begins is given up');
    like($never->{err}, qr/early\.exe: it cannot be started/, '... and why');
    is(tree("$scratch/early"), 'early.exe:' . (-s $other), '... with nothing left');
}

# ---- killed ----
unlink $port;
my $killed = launch_bare({}, "$build/vmmcctl.exe", 'run', spell($program), 'server', '--port-file', spell($port));
ok(wait_for(sub { -s $port }), 'a program runs');
kill 'KILL', `pgrep -P $killed` =~ /(\d+)/ ? $1 : $killed; # wine below its time limit
wait_for_end($killed);
like(tree($folder), qr/wsock32\.dll/, 'a killed vmmcctl leaves the DLL there');
my $last = ctl('run', spell($program), 'client', 'rtt', '--port-file', spell($port), '--milliseconds', '10');
is($last->{code}, 0, 'the program goes on') or diag($last->{all});
ok(wait_for(sub { ctl('check', spell($program)); tree($folder) eq $before }), 'and the next vmmcctl tidies up')
    or diag(tree($folder));
is(override_of($program), undef, '... in the registry too');

done_testing();
