#!/usr/bin/env perl
# doctor and bench: that all is well here is found, that something is not is found too, and every complaint says what to
# do.
use strict;
use warnings;
use Test::More;
use ctl_test;

sub graded {
    my ($found, $subject) = @_;
    return join ' ', map { $_->{grade} } grep { $_->{subject} eq $subject } @{ $found->{findings} };
}

my ($well, $run) = ctl_json('doctor');
ok($well->{works}, 'the transport works here') or diag($run->{out});
is($run->{code}, 0, '... says the exit code');
is(graded($well, $_), 'ok', "... $_ is fine") for qw(system memory sleeping self-test);
cmp_ok($well->{self_test}{round_trip_us}, '>', 0, 'there are figures');
cmp_ok($well->{self_test}{bytes_per_s}, '>', 0, '... of all three');

my $program = put("$build/ctl_IMPORT.exe", folder_of('doctor') . '/patient.exe');
{
    local $ENV{VMMC_ENABLED} = '0';
    my $ill = ctl('doctor', spell($program));
    is($ill->{code}, 1, 'something is wrong');
    my @bad = grep { /^BAD/ } split /\n/, $ill->{out};
    cmp_ok(scalar @bad, '>=', 3, '... in several places');
    like($_, qr/; \w.*\w/, "... '$_' ends with what to do") for @bad;
    like($ill->{out}, qr/does not work here: see what is BAD$/m, '... which is the sum of it');
    like($ill->{out}, qr/^BAD   settings .*VMMC_ENABLED/m, 'the setting is found');
    like($ill->{out}, qr/^BAD   program .*no DLL.*vmmcctl install/m, 'the missing DLL is found');
    like($ill->{out}, qr/^BAD   override .*own wsock32/m, 'the missing override is found');
}

{
    local $ENV{VMMC_RIGN_SIZE} = '1M';
    local $ENV{VMMC_SPIN} = 'fast';
    done_with_notes(ctl('doctor'));
}

sub done_with_notes {
    my ($noted) = @_;
    is($noted->{code}, 0, 'settings that say nothing do no harm');
    like($noted->{out}, qr/^note  settings   $_ is ignored.*; .*README/m, "... and $_ is told")
        for 'VMMC_RIGN_SIZE=1M', 'VMMC_SPIN=fast';
}

my $bare = ctl('doctor', spell($program));
is($bare->{code}, 1, 'a program without the DLL');
like($bare->{out}, qr/^the transport works here, but not for this program/m, '... does not blame the machine');

# ---- bench ----
my ($self) = ctl_json('bench', '--self', '--seconds', '1');
ok($self->{with_dll}{user_level}, 'bench --self is user-level') or diag($self->{with_dll}{reason});
ok(!$self->{kernel}{user_level}, '... beside the kernel');
cmp_ok($self->{$_}{round_trip_us}, '>', 0, "... with figures of both: $_") for qw(with_dll kernel);

my $port = 20000 + $$ % 20000;
my $server = launch({}, "$build/vmmcctl.exe", 'bench', '--serve', $port, '--clients', '1');
my $client;
ok(wait_for(sub { $client = ctl('bench', "127.0.0.1:$port", '--seconds', '1', '--progress'); $client->{code} == 0 }),
    'bench HOST:PORT meets bench --serve PORT');
like($client->{out}, qr/user-level.*round trip of 64 bytes +[\d.]+ us.*messages.*\/s.*bytes.*\/s/s,
    '... and shows figures');
like($client->{err}, qr/\[#+\.+\] +\d+%/, '... with a bar on the way');
is(wait_for_end($server), 0, 'the server ends after its client');
my $nobody = ctl('bench', '127.0.0.1:1', '--seconds', '1');
is($nobody->{code}, 1, 'where nobody serves');
like($nobody->{err}, qr/no server answers.*; .*bench --serve/, '... that is said, and what to do');

done_testing();
