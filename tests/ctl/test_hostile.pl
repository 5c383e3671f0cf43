#!/usr/bin/env perl
# Processes that lie about their sockets, in every way that a reader might believe: vmmcctl neither falls nor hangs, and
# shows the honest ones as ever.
use strict;
use warnings;
use Test::More;
use ctl_test;

my @lies = qw(garbage nowhere endless outside reason modules);
my %ours = (WINEDLLOVERRIDES => 'wsock32=n,b', VMMC_MEET_AFTER => '0');
my $port = "$scratch/port";

sub honest {
    return grep { $_->{ends}[0]{process} eq 'netbench.exe' && $_->{user_level} } @{ $_[0]{connections} };
}

launch(\%ours, "$build/netbench.exe", 'server', '--port-file', spell($port));
ok(wait_for(sub { -s $port }), 'an honest server runs');
launch(\%ours, "$build/netbench.exe", 'client', 'idle', '--port-file', spell($port), '--milliseconds', '100000');
ok(wait_for(sub { honest((ctl_json('list'))[0]) }), '... and its client');

for my $lie (@lies) {
    launch(\%ours, "$build/ctl_hostile.exe", $lie, spell("$scratch/$lie"));
    ok(wait_for(sub { -s "$scratch/$lie" }), "a process tells the lie '$lie'");
}

my ($list, $run) = ctl_json('list');
is(scalar honest($list), 1, 'the honest connection is shown');
is($run->{code}, 0, '... and list ends well');
is(scalar(grep { $_->{process} eq 'ctl_hostile.exe' && !$_->{readable} } @{ $list->{processes} }), 2,
    'two liars cannot be read at all');
unlike($run->{out}, qr/[^\x20-\x7e\r\n]/, 'no byte of theirs reaches the terminal as it is');
is(ctl('list')->{code}, 0, 'for people it ends well too');
is(ctl('top', '--rounds', '1', '--interval', '0.1')->{code}, 0, '... and so does top');

done_testing();
