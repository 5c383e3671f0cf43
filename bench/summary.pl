#!/usr/bin/env perl
# Turns the samples of tools/bench.sh (lines of JSON on standard input) into medians for each machine state, a table
# on standard output and a JSON file.
# usage: summary.pl --near-limit MICROSECONDS --pair PAIR --seconds N --json FILE
use strict;
use warnings;
use Getopt::Long;
use JSON::PP;
use POSIX qw(strftime uname);

my @variants = qw(builtin ours borrow views lend tcp unix ring); # those that were measured
my %heading = (builtin => 'builtin', ours => 'ours', tcp => 'TCP', unix => 'AF_UNIX', ring => 'bare ring',
    borrow => 'borrowed', views => 'views', lend => 'lent');
my %metric = (
    rtt  => { field => 'median_us',      unit => 'us',   lower => 1 },
    udp  => { field => 'median_us',      unit => 'us',   lower => 1 },
    idle => { field => 'cpu_ms',         unit => 'ms',   lower => 1 },
    msgs => { field => 'messages_per_s', unit => 'k/s',  lower => 0, scale => 1e-3 },
    bw   => { field => 'mb_per_s',       unit => 'MB/s', lower => 0 },
    transmit => { field => 'mb_per_s',   unit => 'MB/s', lower => 0 },
);

# What the project promises, near state. `than` names the variant ours is compared with, `at_least` the factor by
# which ours is better. Between two runs of one kernel path the medians differ by a few per cent: hence 0.95.
my @targets = (
    { text => 'round trip at least 400 times shorter than builtin', test => 'rtt:64:', than => 'builtin',
        at_least => 400 },
    { text => 'round trip within 2 times the bare ring', test => 'rtt:64:', than => 'ring', at_least => 0.5 },
    { text => '64 B messages at least 800 times as many as builtin', test => 'msgs:64:', than => 'builtin',
        at_least => 800 },
    { text => '64 KB pieces at least 5 times the builtin bandwidth', test => 'bw:65536:', than => 'builtin',
        at_least => 5 },
    { text => 'datagrams no slower than builtin', test => 'udp:64:', than => 'builtin', at_least => 0.95 },
    { text => 'peer without our DLL: no slower than builtin', test => 'rtt:64:mixed', than => 'builtin',
        at_least => 0.95 },
    { text => '64 KB pieces borrowed at least 1.6 times as fast as copied', test => 'bw:65536:', of => 'borrow',
        than => 'ours', at_least => 1.6 },
    { text => '1 MB pieces borrowed at least 1.6 times as fast as copied', test => 'bw:1048576:', of => 'borrow',
        than => 'ours', at_least => 1.6 },
    { text => '1 MB pieces lent at least 10 times as fast as copied', test => 'bw:1048576:', of => 'lend',
        than => 'ours', at_least => 10 },
    { text => 'TransmitFile at least 3 times the builtin', test => 'transmit:1048576:', than => 'builtin',
        at_least => 3 },
    { text => 'CPU time of a recv blocked for 5 s under 20 ms', test => 'idle:64:5000', under => 20 },
);

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return undef unless @sorted;
    my $half = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$half] : ($sorted[$half - 1] + $sorted[$half]) / 2;
}

sub kind_of { return (split /:/, $_[0])[0] }

sub title_of {
    my ($kind, $bytes, $option) = split /:/, $_[0];
    my $size = $bytes >= 1 << 20 ? ($bytes >> 20) . ' MB' : $bytes >= 1024 ? ($bytes >> 10) . ' KB' : "$bytes B";
    return "CPU time, recv blocked " . $option / 1000 . ' s' if $kind eq 'idle';
    return "datagram round trip $size" if $kind eq 'udp';
    return "messages $size" if $kind eq 'msgs';
    return "bandwidth $size" if $kind eq 'bw';
    return "TransmitFile of $size" if $kind eq 'transmit';
    return "round trip $size" . (!$option ? '' : $option eq 'mixed' ? ', peer without DLL' : ", with $option");
}

sub state_of {
    my ($sample, $limit) = @_;
    my @far = map { $_ >= $limit } @$sample{qw(before after)};
    return $far[0] && $far[1] ? 'far' : $far[0] || $far[1] ? 'mixed' : 'near';
}

sub read_samples {
    my ($limit) = @_;
    my @samples = map { decode_json($_) } grep { /\S/ } <STDIN>;
    $_->{state} = state_of($_, $limit) for @samples;
    return @samples;
}

# state -> test -> variant -> { median, count }
sub summarize {
    my (%values, %long);
    for my $sample (@_) {
        my $test = $sample->{test};
        my @states = $sample->{long} ? qw(near far) : ($sample->{state});
        $long{$test}{ $sample->{variant} } = $sample->{long};
        push @{ $values{$_}{$test}{ $sample->{variant} } }, $sample->{result} for grep { $_ ne 'mixed' } @states;
    }
    my %summary;
    for my $state (keys %values) {
        for my $test (keys %{ $values{$state} }) {
            my $field = $metric{ kind_of($test) }{field};
            while (my ($variant, $results) = each %{ $values{$state}{$test} }) {
                my $entry = { median => median(map { $_->{$field} } @$results), count => scalar @$results };
                $entry->{long} = $long{$test}{$variant};
                $entry->{p99_us} = median(map { $_->{p99_us} } @$results) if exists $results->[0]{p99_us};
                $summary{$state}{$test}{$variant} = $entry;
            }
        }
    }
    return \%summary;
}

# How many times better ours, or another way, is than the other; undef when either is missing.
sub advantage {
    my ($row, $test, $than, $of) = @_;
    my ($ours, $other) = map { $row->{$_} ? $row->{$_}{median} : undef } $of || 'ours', $than;
    return undef unless $ours && $other;
    return $metric{ kind_of($test) }{lower} ? $other / $ours : $ours / $other;
}

sub figure {
    my ($value) = @_;
    return '-' unless defined $value;
    return sprintf $value >= 1000 ? '%.0f' : $value >= 100 ? '%.1f' : $value >= 10 ? '%.2f' : '%.3f', $value;
}

sub print_tail {
    my ($row) = @_;
    printf "%-34s %-5s" . '%11s' x @variants . "\n", '  99 % of them under', 'us',
        map { figure($row->{$_} ? $row->{$_}{p99_us} : undef) } @variants;
}

# Of the variant that has the fewest; long slices do not count, unless there is nothing else.
sub least_count {
    my ($row) = @_;
    my @short = grep { !$_->{long} } values %$row;
    return (sort { $a <=> $b } map { $_->{count} } @short ? @short : values %$row)[0];
}

sub cell {
    my ($entry, $scale) = @_;
    return figure(undef) if !$entry;
    return figure($entry->{median} * $scale) . ($entry->{long} ? '*' : '');
}

sub print_test {
    my ($test, $row) = @_;
    my $metric = $metric{ kind_of($test) };
    my @cells = map { cell($row->{$_}, $metric->{scale} || 1) } @variants;
    my @ratios = map { my $a = advantage($row, $test, $_); defined $a ? figure($a) . 'x' : '-' } qw(builtin ring);
    printf "%-34s %-5s" . '%11s' x @variants . "%14s%12s%9d\n", title_of($test), $metric->{unit}, @cells, @ratios,
        least_count($row);
    print_tail($row) if $test eq 'rtt:64:';
}

# Long slices alone say nothing about a state, unless a test has no others.
sub is_shown {
    my ($row, $has_short) = @_;
    return $row && (!$has_short || grep { !$_->{long} } values %$row);
}

sub print_state {
    my ($state, $table, $tests, $has_short) = @_;
    printf "\n%s\n", $state;
    printf "%-34s %-5s" . '%11s' x @variants . "%14s%12s%9s\n", '', '', @heading{@variants}, 'ours/builtin',
        'ours/ring', 'samples';
    print_test($_, $table->{$_}) for grep { is_shown($table->{$_}, $has_short->{$_}) } @$tests;
    print "* slices too long for one state, the same in both tables\n";
}

sub print_states {
    my ($summary, $samples, $option) = @_;
    my @seen = map { @$_{qw(before after)} } @$samples;
    my %has_short = map { $_->{test} => 1 } grep { !$_->{long} } @$samples;
    for my $state (qw(near far)) {
        my $heading = sprintf '%s: cache-line round trip %s %.2f us', $state, $state eq 'near' ? 'under' : 'from',
            $option->{'near-limit'};
        my @trips = map { @$_{qw(before after)} } grep { $_->{state} eq $state && !$_->{long} } @$samples;
        if (@trips) {
            print_state("$heading, its median " . figure(median(@trips)), $summary->{$state},
                tests_in_order(@$samples), \%has_short);
        } else {
            printf "\n%s: not seen in %d s (round trips of the cache line from %s to %s us)\n", $heading,
                $option->{seconds}, map { figure($_) } (sort { $a <=> $b } @seen)[0, -1];
        }
    }
}

# The factor by which ours is better, or for the idle target the CPU time; undef when it was not measured.
sub value_of {
    my ($target, $table) = @_;
    return advantage($table->{ $target->{test} } || {}, $target->{test}, @$target{qw(than of)}) if $target->{than};
    my $row = $table->{ $target->{test} } || {};
    return $row->{ours} ? $row->{ours}{median} : undef;
}

sub verdict_of {
    my ($target, $value) = @_;
    return 'not measured' unless defined $value;
    my $met = $target->{than} ? $value >= $target->{at_least} : $value < $target->{under};
    return $met ? 'met' : 'MISSED';
}

sub judge_targets {
    my ($summary) = @_;
    my @verdicts;
    for my $target (@targets) {
        my %verdict = (target => $target->{text}, unit => $target->{than} ? 'x' : ' ms');
        for my $state (qw(near far)) {
            my $value = value_of($target, $summary->{$state} || {});
            $verdict{$state} = { value => $value, verdict => verdict_of($target, $value) };
        }
        push @verdicts, \%verdict;
    }
    return @verdicts;
}

sub print_targets {
    my (@verdicts) = @_;
    printf "\n%-54s%24s%24s\n", 'targets (set for the near state)', 'near', 'far';
    for my $v (@verdicts) {
        my @cells = map {
            my $value = $v->{$_}{value};
            (defined $value ? figure($value) . $v->{unit} . ', ' : '') . $v->{$_}{verdict};
        } qw(near far);
        printf "%-54s%24s%24s\n", $v->{target}, @cells;
    }
}

sub tests_in_order {
    my %seen = map { $_->{test} => 1 } @_;
    my %kinds = (rtt => 0, msgs => 1, bw => 2, udp => 3, idle => 4, transmit => 5);
    return [sort { $kinds{ kind_of($a) } <=> $kinds{ kind_of($b) } or (split /:/, $a)[1] <=> (split /:/, $b)[1]
            or $a cmp $b } keys %seen];
}

# One sample a line.
sub write_json {
    my ($file, $content, $samples) = @_;
    my $json = JSON::PP->new->canonical;
    my $list = join ",\n", map { $json->encode($_) } @$samples;
    my $head = $json->pretty->encode($content);
    $head =~ s/\s*\}\s*\z//;
    open my $out, '>', $file or die "summary: cannot write $file: $!\n";
    print $out "$head,\n\"samples\":[\n$list\n]}\n";
    close $out or die "summary: cannot write $file: $!\n";
}

sub main {
    my %option = ('near-limit' => 0.15, pair => '64-64', seconds => 0);
    GetOptions(\%option, 'near-limit=f', 'pair=s', 'seconds=i', 'json=s') or exit 2;
    my @samples = read_samples($option{'near-limit'}) or die "summary: there are no samples\n";
    my %measured = map { $_->{variant} => 1 } @samples;
    @variants = grep { $measured{$_} } @variants;
    my $summary = summarize(@samples);
    my %count;
    $count{ $_->{long} ? 'long' : $_->{state} }++ for @samples;
    my @verdicts = judge_targets($summary);

    printf "pair %s (server-client), %d samples: %d near, %d far, %d dropped because the state changed, %d long\n",
        $option{pair}, scalar @samples, map { $count{$_} || 0 } qw(near far mixed long);
    print_states($summary, \@samples, \%option);
    print_targets(grep { $_->{near}{verdict} ne 'not measured' || $_->{far}{verdict} ne 'not measured' } @verdicts);
    return unless $option{json};
    write_json($option{json}, {
        when => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), host => join(' ', (uname())[0, 2, 4]), pair => $option{pair},
        near_limit_us => $option{'near-limit'}, seconds => $option{seconds}, counts => \%count, summary => $summary,
        targets => \@verdicts }, \@samples);
    print "\nall samples: $option{json}\n";
}

main();
