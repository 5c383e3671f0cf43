#!/usr/bin/env perl
# What vmmcctl says of itself, and of command lines that it does not understand.
use strict;
use warnings;
use Test::More;
use ctl_test;

my @commands = qw(check install uninstall disable enable run list top doctor bench);

my $help = ctl('--help');
is($help->{code}, 0, '--help is a success');
like($help->{out}, qr/^  $_ /m, "it lists $_") for @commands;

my $bare = ctl();
is($bare->{code}, 2, 'no command at all is not understood');
like($bare->{err}, qr/^usage: vmmcctl COMMAND/, '... and answered by the help, as a complaint');

for my $command (@commands) {
    my $text = ctl($command, '--help');
    like($text->{out}, qr/^usage: vmmcctl $command/, "$command --help teaches");
    is($text->{code}, 0, "... and is a success");
}

for my $wrong (['frobnicate'], ['check', 'a', 'b'], ['install', '--fast', 'a'], ['run', '--log'],
    ['run', '--log', 'loudly', 'a'], ['run', '--set', 'rign_size=1M', 'a'], ['run', '--set', 'spin=fast', 'a'],
    ['run', '--fast', 'a'], ['help', 'frobnicate'], ['bench', '--serve'], ['bench', 'nowhere'],
    ['top', '--rounds', '0'])
{
    my $run = ctl(@$wrong);
    is($run->{code}, 2, "'@$wrong' is not understood");
    like($run->{err}, qr/^vmmcctl.*--help/, '... and says where to read on');
    is($run->{out}, '', '... on standard error alone');
}

done_testing();
