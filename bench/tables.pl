#!/usr/bin/env perl
# Puts the medians that tools/bench.sh has measured into a document, between the lines
#     <!-- figures SESSION REGEX [FIELD] -->    and    <!-- end -->
# as one table for each state that was seen: a row for each test whose name matches, figures of what
# summary.pl found to have enough samples.  Of a session that is not in the folder, what stands there stays.
# usage: tables.pl FOLDER-OF-JSON DOCUMENT
use strict;
use warnings;
use JSON::PP;

my @order = qw(builtin ours sleeping event ours32 mixed event32 borrow views lend tcp unix mpich ucx ring limit);
my %name = (tcp => 'native TCP', unix => 'AF_UNIX', ring => 'bare ring', limit => 'best copy', mpich => 'MPICH',
    ucx => 'UCX', sleeping => 'ours, no spin', ours32 => 'ours 32-32', mixed => 'ours 32-64', event => 'ours 64, events',
    event32 => 'ours 32, events', borrow => 'borrowed', lend => 'lent');

sub read_json {
    my ($file) = @_;
    open my $in, '<', $file or return undef;
    local $/;
    return decode_json(<$in>);
}

sub figure {
    my ($value) = @_;
    return '-' unless defined $value;
    return sprintf '%.3g M', $value / 1e6 if $value >= 1e6;
    return sprintf abs($value) >= 100 ? '%.0f' : abs($value) >= 10 ? '%.1f' : '%.2f', $value;
}

sub with_enough {
    my ($row) = @_;
    return { map { $_ => $row->{$_} } grep { $row->{$_}{enough} } keys %$row };
}

# Of the figure that has the fewest; long slices are told apart, by a star as everywhere.
sub samples_of {
    my @entries = @_;
    my @texts;
    for my $long (0, 1) {
        my @counts = sort { $a <=> $b } map { $_->{count} } grep { !$_->{long} == !$long } @entries;
        push @texts, $counts[0] . ($long ? '*' : '') if @counts;
    }
    return join ', ', @texts;
}

sub sort_key { return $_[0] =~ s/(\d+)/sprintf '%09d', $1/ger }

sub table_of {
    my ($rows, $regex, $field) = @_;
    my %enough = map { $_ => with_enough($rows->{$_}) } grep { $_ =~ $regex } keys %$rows;
    my @tests = sort { sort_key($a) cmp sort_key($b) } grep { %{ $enough{$_} } } keys %enough;
    my %seen = map { $_ => 1 } map { keys %{ $enough{$_} } } @tests;
    my @variants = grep { $seen{$_} } @order;
    return '' unless @tests && @variants;
    my $text = '| | ' . join(' | ', map { $name{$_} || $_ } @variants) . " | samples |\n|---|" . '---:|' x @variants . "---:|\n";
    for my $test (@tests) {
        my @cells = map {
            my $entry = $enough{$test}{$_};
            figure($entry && $entry->{$field}) . ($entry && $entry->{long} ? '*' : '')
        } @variants;
        $text .= '| ' . ($test =~ s/:$//r) . ' | ' . join(' | ', @cells) . ' | '
            . samples_of(grep { $_ } @{ $enough{$test} }{@variants}) . " |\n";
    }
    return $text;
}

# Of the looks at the cache line around the samples of a state.
sub round_trip_of_line {
    my ($content, $state) = @_;
    my @trips = sort { $a <=> $b } map { @$_{qw(before after)} }
        grep { $_->{state} eq $state && !$_->{long} } @{ $content->{samples} };
    return $trips[@trips / 2];
}

# Of a session that waits for near, far samples are not to be had.
sub missing {
    my ($content, $state) = @_;
    my $seen = $content->{counts}{$state} ? 'seen too seldom' : 'not seen';
    return "$seen in $content->{seconds} s.\n" unless $state eq 'far' && $content->{session} eq 'limits';
    return "not looked for.\n";
}

sub tables_of {
    my ($content, $regex, $field) = @_;
    my ($counts, $summary, $text) = ($content->{counts}, $content->{summary}, '');
    my %table = map { $_ => table_of($summary->{$_} || {}, $regex, $field) } qw(near far);
    return "\n$table{near}" if $table{near} && $table{near} eq $table{far}; # long slices alone
    for my $state (qw(near far)) {
        my $table = $counts->{$state} ? $table{$state} : '';
        $text .= "\n*$state*" . ($table ? ', the cache line there and back '
            . figure(round_trip_of_line($content, $state)) . " us\n\n$table" : ': ' . missing($content, $state));
    }
    return $text;
}

sub tables_or_old {
    my ($folder, $session, $regex, $field, $old) = @_;
    my $content = read_json("$folder/$session.json");
    return tables_of($content, $regex, $field) . "\n" if $content;
    return $old || "Not measured yet.\n\n";
}

sub main {
    my ($folder, $document) = @ARGV;
    die "usage: tables.pl FOLDER-OF-JSON DOCUMENT\n" unless $document;
    open my $in, '<', $document or die "tables: cannot read $document: $!\n";
    my $text = do { local $/; <$in> };
    close $in;
    $text =~ s{(<!-- figures (\S+) (\S+)(?: (\S+))? -->\n)(.*?)(<!-- end -->)}
        {$1 . tables_or_old($folder, $2, qr/$3/, $4 || 'median', $5) . $6}gse;
    open my $out, '>', $document or die "tables: cannot write $document: $!\n";
    print $out $text;
    close $out or die "tables: cannot write $document: $!\n";
}

main();
