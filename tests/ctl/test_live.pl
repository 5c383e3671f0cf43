#!/usr/bin/env perl
# list and top on live connections: of one bitness and of two, and such as are not user-level.
use strict;
use warnings;
use Test::More;
use ctl_test;

my %ours = (WINEDLLOVERRIDES => 'wsock32=n,b', VMMC_MEET_AFTER => '0');
my $pairs = 0;

# A pair that exchanges a little and then is silent for a minute.
sub pair {
    my (%how) = @_;
    my $port = "$scratch/port" . ++$pairs;
    my %both = (%ours, %{ $how{environment} // {} });
    launch(\%both, $how{server} // "$build/netbench.exe", 'server', '--port-file', spell($port));
    wait_for(sub { -s $port }) or die 'the server did not start';
    launch(\%both, $how{client} // "$build/netbench.exe", 'client', 'idle', '--port-file', spell($port),
        '--milliseconds', '60000', '--warm-up', $how{warm_up} // '1000');
    chomp(my $number = slurp($port));
    return $number =~ s/\r//r;
}

my ($list, $run);

# The connection with that port; it is there once both ends have got so far.
sub connection {
    my ($port, $ready) = @_;
    my $found;
    wait_for(sub {
        ($list) = ctl_json('list');
        ($found) = grep { my $c = $_; grep { $_->{address} =~ /:$port$/ } @{ $c->{ends} } } @{ $list->{connections} };
        ($found) = grep { $_->{peer} =~ /:$port$/ } @{ $list->{connections} } if !$found;
        return $found && $ready->($found);
    });
    return $found // {};
}

# In rings both ways, and looked at when all that was sent had been received.
sub is_silent {
    my ($one, $other) = @{ $_[0]{ends} };
    return 0 if !$_[0]{user_level} || !$other;
    return 0 == grep {
        my ($from, $to) = ($_->[0]{sent}, $_->[1]{received});
        $to->{carrier} ne 'ring' || $from->{bytes} != $to->{bytes};
    } ([$one, $other], [$other, $one]);
}

sub check_pair {
    my ($what, $found, @bits) = @_;
    ok($found->{user_level} && $found->{local} && !defined $found->{reason}, "$what is user-level")
        or diag($found->{reason});
    my ($one, $other) = @{ $found->{ends} };
    is(join(' ', sort $one->{bits}, $other->{bits}), "@bits", '... its bitnesses are right');
    is($one->{process}, 'netbench.exe', '... and the process\'s name');
    for my $way ([$one, $other], [$other, $one]) {
        my ($from, $to) = ($way->[0]{sent}, $way->[1]{received});
        is($from->{carrier}, 'ring', '... a direction goes by a ring');
        cmp_ok($from->{bytes}, '>', 0, '... has moved bytes');
        is($from->{bytes}, $to->{bytes}, '... as many here as there');
        is($from->{ring_bytes}, $to->{ring_bytes}, '... in one ring');
        cmp_ok($from->{messages}, '>=', 2, '... in messages');
        is($to->{unread}, 0, '... of which none waits');
    }
}

check_pair('a connection', connection(pair(), \&is_silent), ($list->{connections}[0]{ends}[0]{bits}) x 2);

SKIP: {
    skip 'no 32-bit build, or no machine for one', 1 if !runs_32();
    my $mixed = connection(pair(client => "$build32/netbench.exe"), \&is_silent);
    check_pair('a connection between 32 and 64 bit', $mixed, 32, 64);
}

# ---- for people, and live ----
my $said = ctl('list');
is($said->{code}, 0, 'list');
like($said->{out}, qr/^user-level, \d+ s old\n  - 127\.0\.0\.1:\d+  netbench\.exe \(process \d+, \d+-bit\)\n    sent /m,
    '... shows people a connection');
my $top = ctl('top', '--rounds', '2', '--interval', '0.1');
like($top->{out}, qr/^user .*netbench\.exe .*127\.0\.0\.1:\d+ .*netbench\.exe/m, 'top shows it too');
my @lines = split /\n/, ctl('top', '--rounds', '2', '--interval', '0.1', '--json')->{out};
is(scalar(grep { eval { JSON::PP->new->decode($_)->{connections} } } @lines), 2, 'top --json is a line for each look');
end_all();

# ---- not user-level, and why ----
my $excluded = connection(pair(environment => { VMMC_EXCLUDE_PORTS => '1-65535' }), sub { $_[0]{ends}[1] });
ok(!$excluded->{user_level} && $excluded->{local}, 'a connection with an excluded port is the kernel\'s');
is($excluded->{reason}, 'its port is excluded by a setting', '... for that reason');
end_all();

my $off = connection(pair(environment => { VMMC_ENABLED => '0' }), sub { $_[0]{ends}[1] });
is($off->{reason}, 'the transport is disabled by a setting', 'a switched-off transport is the reason');
end_all();

pair(environment => { VMMC_MEET_AFTER => '1000000' }, warm_up => '1');
ok(wait_for(sub {
    ($list) = ctl_json('list');
    2 == grep { $_->{ends}[0]{state} eq 'young' && $_->{ends}[0]{received}{messages} } @{ $list->{connections} };
}), 'both ends of a connection that has made few calls are young');
like($list->{connections}[0]{reason}, qr/too young: \d+ calls so far/, '... which is why it is not user-level');
like(ctl('list')->{out}, qr/too young.*\n  - not asked yet  netbench\.exe/, '... as people are told');
end_all();

my $bare = put("$build/netbench.exe", folder_of('bare') . '/netbench.exe');
my $lonely = connection(pair(client => $bare), sub { 1 });
like($lonely->{reason}, qr/no DLL there/, 'a connection whose other end has no DLL says so');
is(scalar @{ $lonely->{ends} }, 1, '... and has one end to show');
like(ctl('list')->{out}, qr/by the kernel, .*no DLL there/, '... to people too');
end_all();

launch(\%ours, "$build/ctl_returning.exe", spell("$scratch/returned"));
ok(wait_for(sub { -s "$scratch/returned" }), 'a connection of a process with itself has gone back to the kernel');
($list) = ctl_json('list');
is(scalar @{ $list->{connections} }, 1, '... its two ends are one connection');
my $returned = $list->{connections}[0];
ok(!$returned->{user_level}, '... which is the kernel\'s');
like($returned->{reason}, qr/went back to the kernel because of DuplicateHandle/, '... for that reason');
is($returned->{ends}[0]{sent}{carrier}, 'kernel-for-good', '... and for good');
end_all();

wait_for(sub { ($list) = ctl_json('list'); !@{ $list->{processes} } });
is(scalar @{ $list->{processes} }, 0, 'when they have ended, nothing is left to show');
like(ctl('list')->{out}, qr/no process of this user has our DLL/, '... which people are told');
done_testing();
