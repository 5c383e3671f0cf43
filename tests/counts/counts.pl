#!/usr/bin/env perl
# Counts the instructions of the fast paths with valgrind's callgrind, and compares them with the limits beside this file.
# usage: counts.pl PROGRAM LIMITS     exits with 77 where there is no valgrind
use strict;
use warnings;
use File::Temp qw(tempdir);

my ($program, $limits) = @ARGV;
my ($few, $many) = (1000, 3000); # rounds; the difference is free of all that happens once

# function -> instructions, with all that it calls
sub counts_of {
    my ($rounds, $folder) = @_;
    my $out = "$folder/$rounds";
    system("valgrind --tool=callgrind --callgrind-out-file=$out '$program' $rounds >$folder/log 2>&1") == 0
        or die "counts: callgrind failed:\n" . `tail -n 20 $folder/log`;
    my %counts;
    for (`callgrind_annotate --inclusive=yes --threshold=100 $out`) {
        $counts{$2} //= $1 =~ tr/,//dr if /^\s*([\d,]+) .*?:count_(\w+)/;
    }
    return \%counts;
}

sub limits_from {
    my ($file) = @_;
    open my $in, '<', $file or die "counts: cannot read $file: $!\n";
    return map { /^(\w+)\s+(\d+)$/ ? ($1 => $2) : () } <$in>;
}

sub main {
    my %limit = limits_from($limits);
    if (system('command -v valgrind >/dev/null')) {
        print "counts: there is no valgrind\n";
        exit 77;
    }
    my $folder = tempdir(CLEANUP => 1);
    my ($first, $second) = map { counts_of($_, $folder) } $few, $many;
    my $failures = 0;
    printf "%-18s%14s%8s\n", '', 'instructions', 'limit';
    for my $name (sort keys %{ { %limit, %$second } }) {
        my $count = defined $first->{$name} && ($second->{$name} - $first->{$name}) / ($many - $few);
        my $good = $count && defined $limit{$name} && $count <= $limit{$name};
        $failures += !$good;
        printf "%-18s%14.1f%8s%s\n", $name, $count || 0, $limit{$name} // '-', $good ? '' : '   MISSED';
    }
    exit($failures ? 1 : 0);
}

main();
