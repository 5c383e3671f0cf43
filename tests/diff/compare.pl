#!/usr/bin/env perl
# Compares what the actors saw with the builtin and with ours, sequence by sequence, and prints the first step that
# differs together with its whole sequence.  Differences that docs/differences.md lists are accepted and counted.
# usage: compare.pl [--calls] [--show N] DIFFERENCES.md BUILTIN.log OURS.log
# A sequence in which the builtin hangs or crashes says nothing, and is only counted; many of them would be a fault of the
# generator.  Exit: 0 all alike, 1 some differ, 2 the logs cannot be compared.
use strict;
use warnings;

my ($show, $calls) = (3, 0);
while (@ARGV && $ARGV[0] =~ /^--/) {
    my $option = shift;
    if ($option eq '--calls') { $calls = 1 }
    elsif ($option eq '--show') { $show = shift }
    else { die "compare: unknown option $option\n" }
}
die "usage: compare.pl [--calls] [--show N] DIFFERENCES.md BUILTIN.log OURS.log\n" unless @ARGV == 3;

# A rule is a section whose text contains two patterns, one for each side, and perhaps what else is affected:
#     builtin  REGEX
#     ours     REGEX
#     then     rest        (the rest of the sequence is not compared)
#     then     fewer       (ours may name fewer sockets than the builtin, but must name some)
sub read_rules {
    my ($path) = @_;
    my (@rules, $name);
    open my $in, '<', $path or die "compare: $path: $!\n";
    while (<$in>) {
        if (/^## (\S+)/) { $name = $1 }
        elsif (/^    builtin  (.+)$/) { push @rules, {name => $name, builtin => qr/$1/, count => 0} }
        elsif (/^    ours     (.+)$/) { $rules[-1]{ours} = qr/$1/ }
        elsif (/^    then     (\w+)$/) { $rules[-1]{$1} = 1 }
    }
    return @rules;
}

sub read_log {
    my ($path) = @_;
    my (%sequences, $number);
    open my $in, '<', $path or die "compare: $path: $!\n";
    while (<$in>) {
        s/\r?\n//;
        if (/^# (\d+)$/) { $number = $1; $sequences{$number} = [] }
        elsif (defined $number) { push @{$sequences{$number}}, $_ }
    }
    return \%sequences;
}

my @rules = read_rules($ARGV[0]);
my ($builtin, $ours) = (read_log($ARGV[1]), read_log($ARGV[2]));
my ($steps, $unseen, %seen) = (0, 0);

# What a select reported: "0 s3" for socket 3 in the first set.
sub reported {
    my ($line) = @_;
    my ($result) = $line =~ /\) = (-?\d+) error/ or return ();
    my @sets = $' =~ /\{([^}]*)\}/g;
    return $result > 0 ? map { my $set = $_; map { "$set $_" } split ' ', $sets[$set] } 0 .. $#sets : ();
}

sub names_fewer {
    my ($left, $right) = @_;
    my %there = map { $_ => 1 } reported($left);
    my @here = reported($right);
    return @here && !grep { !$there{$_} } @here;
}

sub accepting_rule {
    my ($left, $right) = @_;
    for my $rule (@rules) {
        next unless $left =~ $rule->{builtin} && $right =~ $rule->{ours};
        return $rule if !$rule->{fewer} || names_fewer($left, $right);
    }
    return undef;
}

# The index of the first step that differs, or -1.
sub first_difference {
    my ($left, $right) = @_;
    my $last = @$left > @$right ? $#$left : $#$right;
    for my $i (0 .. $last) {
        my ($l, $r) = ($left->[$i] // '(nothing)', $right->[$i] // '(nothing)');
        $steps++;
        $seen{$1}++ if $l =~ /^ *\d+ [A-Z](?: early)? (?:\[.*\] )?([\w ]+\()/;
        $seen{"$1 $2"}++ if $l =~ / (getsockopt|setsockopt|ioctlsocket)\(s\d+, (\w+)/;
        next if $l eq $r;
        my $rule = accepting_rule($l, $r) or return $i;
        $rule->{count}++;
        if ($rule->{rest}) {
            $unseen += $last - $i;
            return -1;
        }
    }
    return -1;
}

sub report {
    my ($number, $at) = @_;
    my ($left, $right) = ($builtin->{$number}, $ours->{$number});
    print "\nsequence $number differs at step $at:\n";
    for my $i (0 .. $#$left) {
        my ($l, $r) = ($left->[$i], $right->[$i] // '(nothing)');
        next if $i > $at && $l eq $r || "$l$r" eq '';
        print $i == $at ? "  builtin $l\n  ours    $r\n" : "          $l\n";
    }
}

my @numbers = sort { $a <=> $b } keys %$builtin;
my ($differing, $missing) = (0, 0);
my (@bad, @hung);
for my $number (@numbers) {
    if (grep { /^# end: / } @{$builtin->{$number}}) { push @hung, $number; next }
    if (!$ours->{$number}) { $missing++; next }
    my $at = first_difference($builtin->{$number}, $ours->{$number});
    next if $at < 0;
    $differing++;
    push @bad, $number;
    report($number, $at) if $differing <= $show;
}
if ($calls) {
    printf "%7d %s\n", $seen{$_}, $_ =~ s/\($//r for sort keys %seen;
}
print "differ: @bad\n" if @bad;
print "the builtin hung: @hung\n" if @hung;
printf "%d sequences, %d steps compared; %d differ, %d missing; the builtin hung in %d\n", scalar @numbers, $steps,
    $differing, $missing, scalar @hung;
for my $rule (@rules) {
    printf "  accepted: %s, %d times\n", $rule->{name}, $rule->{count} if $rule->{count};
}
print "  $unseen steps behind accepted differences were not compared\n" if $unseen;
exit($missing || !@numbers || @hung > 1 + @numbers / 100 ? 2 : $differing ? 1 : 0);
