#!/usr/bin/env perl
# Turns the samples of tools/bench.sh (lines of JSON on standard input) into medians for each machine state, a table
# on standard output and a JSON file.
# usage: summary.pl --near-limit MICROSECONDS [--only near|far] --pair PAIR --seconds N --session NAME [--build ID] [--add]
#                   [--check] --json FILE
#   --only STATE   samples were begun in that state alone, if it was ever seen
#   --build        names what was measured
#   --add          the samples that FILE holds count too; it must be of the same session, pair and build
#   --check        only tell whether it is, before anything is measured
use strict;
use warnings;
use Getopt::Long;
use JSON::PP;
use POSIX qw(strftime uname);

my @variants = qw(builtin ours sleeping event ours32 mixed event32 borrow views lend tcp unix mpich ucx ring limit);
my %heading = (builtin => 'builtin', ours => 'ours', tcp => 'TCP', unix => 'AF_UNIX', ring => 'bare ring',
    limit => 'best copy', borrow => 'borrowed', views => 'views', lend => 'lent', sleeping => 'no spin',
    event => 'event', ours32 => '32-32', mixed => '32-64', event32 => '32 event', mpich => 'MPICH', ucx => 'UCX');
my @copies = qw(ring copy1 copy4 copynt); # the best of them is the limit for large pieces

# `more`: further fields of a result, with a title, a unit and a factor; printed in lines of their own.
my %metric = (
    rtt  => { field => 'median_us',      unit => 'us',   lower => 1, more => [['p99_us', '99 % of them under', 'us']] },
    udp  => { field => 'median_us',      unit => 'us',   lower => 1 },
    idle => { field => 'cpu_ms',         unit => 'ms',   lower => 1 },
    msgs => { field => 'messages_per_s', unit => 'k/s',  lower => 0, scale => 1e-3 },
    bw   => { field => 'mb_per_s',       unit => 'MB/s', lower => 0 },
    transmit => { field => 'mb_per_s',   unit => 'MB/s', lower => 0 },
    ready => { field => 'each_us',       unit => 'us',   lower => 1 },
    empty => { field => 'each_us',       unit => 'us',   lower => 1 },
    wake => { field => 'median_us',      unit => 'us',   lower => 1, more => [['p99_us', '99 % of them under', 'us']] },
    load => { field => 'median_us',      unit => 'us',   lower => 1, more => [['p99_us', '99 % of them under', 'us'],
        ['per_s', 'exchanges', '/s'], ['cpu_us_each', 'CPU time each', 'us'], ['even', 'least served/most served', ''],
        ['least_per_s', 'least served', '/s'], ['bystander', 'speed left to the other program', '']] },
    connect => { field => 'per_s',       unit => '/s',   lower => 0, more => [['connect_us', 'connect', 'us'],
        ['send_us', 'send', 'us'], ['receive_us', 'receive', 'us'], ['close_us', 'close', 'us']] },
    brief => { field => 'per_s',         unit => '/s',   lower => 0, more => [['connect_us', 'connect', 'us'],
        ['send_us', 'send', 'us'], ['receive_us', 'receive', 'us'], ['close_us', 'close', 'us']] },
    crowd => { field => 'each_us',       unit => 'us',   lower => 1, more => [['memory_each', 'memory', 'KB'],
        ['descriptors_each', 'open files', '']] },
    alone => { field => 'both_ns',       unit => 'ns',   lower => 1, more => [['send_ns', 'send', 'ns'],
        ['receive_ns', 'receive', 'ns']] },
    spread => { field => 'messages_per_s', unit => 'k/s', lower => 0, scale => 1e-3 },
);

# What the project promises. `than` names the variant ours (or `of`) is compared with, in the same test or in
# `than_test`; `at_least` the factor by which ours is better; of several `tests` the one with the worst factor counts.
# `paired`: the factor is the median of those of slices in the same block, and not that of the medians.
# Between two runs of one kernel path the medians differ by a few per cent: hence 0.95.
my @targets = (
    { text => 'round trip at least 400 times shorter than builtin', tests => qr/^rtt:64:$/, than => 'builtin',
        at_least => 400 },
    { text => 'round trip within 1.25 times the bare ring', tests => qr/^rtt:64:$/, than => 'ring', at_least => 0.8 },
    { text => 'with select: within 2 times', tests => qr/^rtt:64:select$/, than => 'ring', than_test => 'rtt:64:',
        at_least => 0.5 },
    { text => 'with polling: within 2 times', tests => qr/^rtt:64:poll$/, than => 'ring', than_test => 'rtt:64:',
        at_least => 0.5 },
    { text => '64 B messages at least 800 times as many as builtin', tests => qr/^msgs:64:$/, than => 'builtin',
        at_least => 800 },
    { text => '1 B and 64 B messages at least 0.7 of the bare ring', tests => qr/^msgs:(1|64):$/, than => 'ring',
        at_least => 0.7 },
    { text => '64 KB pieces at least 5 times the builtin bandwidth', tests => qr/^bw:65536:$/, than => 'builtin',
        at_least => 5 },
    { text => '16 KB to 1 MB at least 0.9 of the best copy', tests => qr/^bw:(16384|65536|262144|1048576):$/,
        than => 'limit', at_least => 0.9, paired => 1 },
    { text => 'never below native TCP', tests => qr/^(rtt|msgs|bw):\d+:(poll)?$/, than => 'tcp', at_least => 1 },
    { text => 'datagrams no slower than builtin', tests => qr/^udp:64:$/, than => 'builtin', at_least => 0.95, paired => 1 },
    { text => 'peer without our DLL: no slower than builtin', tests => qr/^rtt:64:mixed$/, than => 'builtin',
        at_least => 0.95, paired => 1 },
    { text => '64 KB and 1 MB borrowed at least 1.6 times as fast as copied', tests => qr/^bw:(65536|1048576):$/,
        of => 'borrow', than => 'ours', at_least => 1.6 },
    { text => '1 MB pieces lent at least 10 times as fast as copied', tests => qr/^bw:1048576:$/, of => 'lend',
        than => 'ours', at_least => 10 },
    { text => 'TransmitFile at least 3 times the builtin', tests => qr/^transmit:1048576:$/, than => 'builtin',
        at_least => 3 },
    { text => 'select that finds bytes at least 50 times the builtin', tests => qr/^ready:/, than => 'builtin',
        at_least => 50 },
    { text => 'select that finds none ahead of the builtin', tests => qr/^empty:/, than => 'builtin', at_least => 1 },
    { text => 'waking up ahead of the builtin', tests => qr/^wake:/, than => 'builtin', at_least => 1 },
    { text => 'connections per second at least the builtin', tests => qr/^connect:/, than => 'builtin',
        at_least => 1 },
    { text => 'short connections at least 1.3 times the builtin', tests => qr/^brief:/, than => 'builtin',
        at_least => 1.3 },
    { text => 'under load: latency below the builtin', tests => qr/^load:.*p\d+$/, than => 'builtin', at_least => 1 },
    { text => 'under load: CPU time below the builtin', tests => qr/^load:.*p\d+$/, field => 'cpu_us_each',
        than => 'builtin', at_least => 1 },
    { text => 'under load: the least served pair ahead of the builtin\'s', tests => qr/^load:.*p\d+$/,
        field => 'least_per_s', rises => 1, than => 'builtin', at_least => 1 },
    { text => 'spinning leaves others 0.9 of what sleeping does', tests => qr/-beside$/, field => 'bystander',
        rises => 1, than => 'sleeping', at_least => 0.9 },
    { text => 'round trip ahead of every peer', tests => qr/^rtt:64:$/, than => [qw(mpich ucx tcp unix)],
        at_least => 1, session => 'peers' },
    { text => 'messages ahead of every peer', tests => qr/^msgs:64:$/, than => [qw(mpich ucx tcp unix)],
        at_least => 1, session => 'peers' },
    # Of fewer connections each has too large a share of what both programs have besides.
    { text => 'at most 64 KB of memory for an idle connection', tests => qr/^crowd:.*c(1000|4000)$/,
        field => 'memory_each', under => 64 },
    { text => 'CPU time of a recv blocked for 5 s under 20 ms', tests => qr/^idle:64:5000$/, under => 20 },
);

use constant SAMPLES_LEAST => 7; # a median of fewer is an accident
use constant LONG_LEAST => 3;    # long slices are few by their nature

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return undef unless @sorted;
    my $half = int(@sorted / 2);
    return @sorted % 2 ? $sorted[$half] : ($sorted[$half - 1] + $sorted[$half]) / 2;
}

sub kind_of { return (split /:/, $_[0])[0] }

my %title = (rtt => 'round trip', udp => 'datagram round trip', msgs => 'messages', bw => 'bandwidth',
    transmit => 'TransmitFile of', ready => 'select, bytes found', empty => 'select, none found',
    wake => 'waking up', load => 'exchange', connect => 'connections, closed by client',
    brief => 'connections, closed by server', crowd => 'opening', spread => 'messages over all',
    alone => 'send and receive in one thread');

sub word_title {
    my ($word) = @_;
    return $word eq 'mixed' ? 'peer without DLL' : $word eq 'kernel' ? 'kernel sockets too' : $word eq 'beside'
        ? 'beside a third' : $word =~ /^c(\d+)$/ ? "$1 more open" : $word =~ /^p(\d+)$/ ? "$1 pair" . ($1 > 1 ? 's' : '') : $word =~ /^t(\d+)$/
        ? "pauses of $1 us" : $word;
}

sub title_of {
    my ($kind, $bytes, $option) = split /:/, $_[0];
    my $size = $bytes >= 1 << 20 ? ($bytes >> 20) . ' MB' : $bytes >= 1024 ? ($bytes >> 10) . ' KB' : "$bytes B";
    return "CPU time, recv blocked " . $option / 1000 . ' s' if $kind eq 'idle';
    $size = '' if $kind =~ /^(ready|empty|wake|load|crowd)$/;
    return join ', ', grep { length } $title{$kind} . ($size ? " $size" : ''),
        map { word_title($_) } split /-/, $option || '';
}

sub state_of {
    my ($sample, $limit) = @_;
    my @far = map { $_ >= $limit } @$sample{qw(before after)};
    return $far[0] && $far[1] ? 'far' : $far[0] || $far[1] ? 'mixed' : 'near';
}

# What is a figure of several that a program gave.
sub derive {
    my ($result, $test) = @_;
    my ($kind, $bytes) = split /:/, $test;
    $result->{mb_per_s} //= $result->{messages_per_s} * $bytes / 1e6 if $kind eq 'msgs';
    my $count = $result->{connections};
    $result->{even} = $result->{least} / ($result->{most} || 1) if exists $result->{least};
    $result->{least_per_s} = $result->{per_s} * $result->{least} / $result->{exchanges}
        if exists $result->{least} && $result->{exchanges};
    return unless $count && exists $result->{memory_kb};
    $result->{memory_each} = $result->{memory_kb} / $count;
    $result->{descriptors_each} = $result->{descriptors} / $count;
}

sub read_json {
    my ($file) = @_;
    open my $in, '<', $file or die "summary: cannot read $file: $!\n";
    local $/;
    return decode_json(<$in>);
}

# The samples of the file, whose seconds are added to this run's.
sub earlier_samples {
    my ($option) = @_;
    my $file = $option->{json};
    return unless $option->{add} && -e $file;
    my $earlier = read_json($file);
    for my $same (qw(session pair build)) {
        my ($then, $now) = map { $_ // '' } $earlier->{$same}, $option->{$same};
        die "summary: $file is of another $same ($then, now $now). Leave out --add, or name another FILE.\n"
            if $then ne $now;
    }
    $option->{seconds} += $earlier->{seconds};
    return @{ $earlier->{samples} };
}

sub read_samples {
    my ($limit, @earlier) = @_;
    my @samples = (@earlier, map { decode_json($_) } grep { /\S/ } <STDIN>);
    for (@samples) {
        $_->{state} = state_of($_, $limit);
        derive($_->{result}, $_->{test});
    }
    return @samples;
}

# Median of each field of the results, how many there were and whether they were enough; `median` is that of the field that
# counts.
sub entry_of {
    my ($field, $long, $least, @results) = @_;
    my %entry = (count => scalar @results, long => $long, enough => @results >= $least ? 1 : 0);
    for my $name (keys %{ $results[0] }) {
        my @numbers = grep { defined && /^-?[\d.]+(e[-+]?\d+)?$/i } map { $_->{$name} } @results;
        $entry{$name} = median(@numbers) if @numbers;
    }
    $entry{median} = $entry{$field};
    return \%entry;
}

sub add_limit {
    my ($row) = @_;
    my @ways = sort { $b->{median} <=> $a->{median} } grep { $_ } map { $row->{$_} } @copies;
    $row->{limit} = { %{ $ways[0] } } if @ways > 1;
}

# Where all that is measured takes seconds, the state changes meanwhile and is not asked for.  A variant that takes longer than those
# beside it belongs to the state that was there before and after it.
sub states_of {
    my ($sample, $has_short) = @_;
    return $sample->{long} && !$has_short->{ $sample->{test} } ? qw(near far) : ($sample->{state});
}

# state -> test -> variant -> { median, count, ... }
sub summarize {
    my (%values, %long);
    my %has_short = map { $_->{test} => 1 } grep { !$_->{long} } @_;
    for my $sample (@_) {
        my $test = $sample->{test};
        my @states = states_of($sample, \%has_short);
        $long{$test}{ $sample->{variant} } = $sample->{long};
        push @{ $values{$_}{$test}{ $sample->{variant} } }, $sample->{result} for grep { $_ ne 'mixed' } @states;
    }
    my %summary;
    for my $state (keys %values) {
        for my $test (keys %{ $values{$state} }) {
            my $field = $metric{ kind_of($test) }{field};
            while (my ($variant, $results) = each %{ $values{$state}{$test} }) {
                my $is_long = $long{$test}{$variant};
                my $least = !$is_long ? SAMPLES_LEAST : $has_short{$test} ? LONG_LEAST : 1;
                $summary{$state}{$test}{$variant} = entry_of($field, $is_long, $least, @$results);
            }
            add_limit($summary{$state}{$test});
        }
    }
    return \%summary;
}

# A list of samples for each block, all of which was taken within a second or two.
sub blocks_of {
    my @blocks;
    for my $sample (@_) {
        push @blocks, [] if !@blocks || $blocks[-1][0]{block} != $sample->{block};
        push @{ $blocks[-1] }, $sample;
    }
    return @blocks;
}

# "STATE TEST" -> variant -> the figures of a block's samples
sub figures_of {
    my ($block) = @_;
    my %figures;
    for my $sample (grep { $_->{state} ne 'mixed' } @$block) {
        my $figure = $sample->{result}{ $metric{ kind_of($sample->{test}) }{field} };
        push @{ $figures{"$sample->{state} $sample->{test}"}{ $sample->{variant} } }, $figure if $figure;
    }
    return \%figures;
}

sub factor {
    my ($ours, $other, $lower) = @_;
    return $lower ? $other / $ours : $ours / $other;
}

sub factors_of {
    my ($ours, $others, $lower) = @_;
    my $count = @$ours < @$others ? @$ours : @$others;
    return map { factor($ours->[$_], $others->[$_], $lower) } 0 .. $count - 1;
}

# How many times better ours is than each variant that was measured beside it.  Memory is quick or slow for seconds, whoever
# copies: of two medians over all slices, one may be of the quick ones and the other of the slow ones.
sub add_paired {
    my ($summary, @samples) = @_;
    my %factors;
    for my $figures (map { figures_of($_) } blocks_of(@samples)) {
        for my $row (grep { $figures->{$_}{ours} } keys %$figures) {
            my $lower = $metric{ kind_of((split / /, $row)[1]) }{lower};
            my $of = $figures->{$row};
            push @{ $factors{"$row $_"} }, factors_of($of->{ours}, $of->{$_}, $lower) for keys %$of;
        }
    }
    for (keys %factors) {
        my ($state, $test, $variant) = split / /;
        my @list = @{ $factors{$_} };
        $summary->{$state}{$test}{$variant}{paired} = median(@list) if @list >= SAMPLES_LEAST;
    }
    pair_limit($_) for map { values %$_ } values %$summary;
}

# The best of the copies is the one that ours is least ahead of.
sub pair_limit {
    my ($row) = @_;
    my @all = sort { $a <=> $b } grep { defined } map { $row->{$_} ? $row->{$_}{paired} : undef } @copies;
    $row->{limit}{paired} = $all[0] if $row->{limit} && @all;
}

# How many times better one entry is than the other in a field; undef when either is missing.
sub better {
    my ($ours, $other, $field, $lower) = @_;
    ($ours, $other) = map { $_ ? $_->{$field} : undef } $ours, $other;
    return $ours && $other ? factor($ours, $other, $lower) : undef;
}

sub advantage {
    my ($row, $test, $than) = @_;
    return better($row->{ours}, $row->{$than}, 'median', $metric{ kind_of($test) }{lower});
}

sub figure {
    my ($value) = @_;
    return '-' unless defined $value;
    return sprintf $value >= 1000 ? '%.0f' : $value >= 100 ? '%.1f' : $value >= 10 ? '%.2f' : '%.3f', $value;
}

sub print_more {
    my ($test, $row) = @_;
    for my $more (@{ $metric{ kind_of($test) }{more} || [] }) {
        my ($field, $title, $unit) = @$more;
        next unless grep { $_ && defined $_->{$field} } map { $row->{$_} } @variants;
        next if kind_of($test) eq 'rtt' && $test ne 'rtt:64:';
        printf "%-50s %-5s" . '%11s' x @variants . "\n", "  $title", $unit,
            map { figure($row->{$_} ? $row->{$_}{$field} : undef) } @variants;
    }
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
    printf "%-50s %-5s" . '%11s' x @variants . "%14s%12s%9d\n", title_of($test), $metric->{unit}, @cells, @ratios,
        least_count($row);
    print_more($test, $row);
}

# Long slices alone say nothing about a state, unless a test has no others.
sub is_shown {
    my ($row, $has_short) = @_;
    return $row && (!$has_short || grep { !$_->{long} } values %$row);
}

sub print_state {
    my ($state, $table, $tests, $has_short) = @_;
    printf "\n%s\n", $state;
    printf "%-50s %-5s" . '%11s' x @variants . "%14s%12s%9s\n", '', '', @heading{@variants}, 'ours/builtin',
        'ours/ring', 'samples';
    print_test($_, $table->{$_}) for grep { is_shown($table->{$_}, $has_short->{$_}) } @$tests;
    print "* slices of seconds, of those states that were there before and after\n";
}

sub print_states {
    my ($summary, $samples, $option) = @_;
    my @seen = map { @$_{qw(before after)} } @$samples;
    my %has_short = map { $_->{test} => 1 } grep { !$_->{long} } @$samples;
    if (!@$samples) {
        printf "\n%s was not seen in %d s, and only then a sample was to begin\n", @$option{qw(only seconds)};
        return;
    }
    for my $state (qw(near far)) {
        my $heading = sprintf '%s: cache-line round trip %s %.2f us', $state, $state eq 'near' ? 'under' : 'from',
            $option->{'near-limit'};
        my @trips = map { @$_{qw(before after)} } grep { $_->{state} eq $state && !$_->{long} } @$samples;
        if (@trips) {
            print_state("$heading, its median " . figure(median(@trips)), $summary->{$state},
                tests_in_order(@$samples), \%has_short);
        } elsif ($option->{only} && $state ne $option->{only}) {
            next;
        } elsif (!%has_short) {
            print_state('long slices, in any state', $summary->{$state}, tests_in_order(@$samples), \%has_short);
            last;
        } else {
            printf "\n%s: not seen in %d s (round trips of the cache line from %s to %s us)\n", $heading,
                $option->{seconds}, map { figure($_) } (sort { $a <=> $b } @seen)[0, -1];
        }
    }
}

# Of one test: the factor by which ours is better, or the figure itself; undef when it was not measured.
sub value_of_test {
    my ($target, $test, $table) = @_;
    my $field = $target->{field} || 'median';
    my $ours = $table->{$test}{ $target->{of} || 'ours' };
    return $ours ? $ours->{$field} : undef unless $target->{than};
    my $lower = $target->{rises} ? 0 : $target->{field} ? 1 : $metric{ kind_of($test) }{lower};
    my $others = $table->{ $target->{than_test} || $test } || {};
    my @all = grep { defined }
        map { $target->{paired} ? $others->{$_} && $others->{$_}{paired} : better($ours, $others->{$_}, $field, $lower) }
        ref $target->{than} ? @{ $target->{than} } : $target->{than};
    return scalar((sort { $a <=> $b } @all)[0]);
}

sub has_enough {
    my ($target, $test, $table) = @_;
    my @others = ref $target->{than} ? @{ $target->{than} } : $target->{than} || ();
    return !grep { $_ && !$_->{enough} } map { $table->{$test}{$_} } $target->{of} || 'ours', @others;
}

# The worst, and the test in which it was met; without a value if no test has enough samples.
sub value_of {
    my ($target, $table) = @_;
    my @measured = grep { defined $_->[0] }
        map { [scalar(value_of_test($target, $_, $table)), $_] } grep { $_ =~ $target->{tests} } sort keys %$table;
    my @all = sort { $a->[0] <=> $b->[0] } grep { has_enough($target, $_->[1], $table) } @measured;
    return @all ? @{ $all[ $target->{than} ? 0 : -1 ] } : @measured ? (undef, $measured[0][1]) : ();
}

sub verdict_of {
    my ($target, $value, $test) = @_;
    return defined $test ? 'too few samples' : 'not measured' unless defined $value;
    my $met = $target->{than} ? $value >= $target->{at_least} : $value < $target->{under};
    return $met ? 'met' : 'MISSED';
}

sub judge_targets {
    my ($summary, $session) = @_;
    my @verdicts;
    for my $target (grep { !$_->{session} || $_->{session} eq $session } @targets) {
        my %verdict = (target => $target->{text}, unit => $target->{than} ? 'x' : '');
        for my $state (qw(near far)) {
            my ($value, $test) = value_of($target, $summary->{$state} || {});
            $verdict{$state} = { value => $value, verdict => verdict_of($target, $value, $test), test => $test };
        }
        push @verdicts, \%verdict;
    }
    return @verdicts;
}

sub print_targets {
    my (@verdicts) = @_;
    return unless @verdicts;
    printf "\n%-60s%20s%20s   %s\n", 'targets', 'near', 'far', 'the worst was';
    for my $v (@verdicts) {
        my @cells = map {
            my $value = $v->{$_}{value};
            (defined $value ? figure($value) . $v->{unit} . ', ' : '') . $v->{$_}{verdict};
        } qw(near far);
        printf "%-60s%20s%20s   %s\n", $v->{target}, @cells, join ' ', grep { defined } map { $v->{$_}{test} } qw(near far);
    }
}

sub tests_in_order {
    my %seen = map { $_->{test} => 1 } @_;
    my $place = 0;
    my %kinds = map { $_ => $place++ } qw(rtt msgs bw udp idle transmit ready empty wake load connect brief crowd spread alone);
    my %key = map { my $test = $_; $test => sprintf('%02d', $kinds{ kind_of($test) }) . $test =~ s/(\d+)/sprintf '%09d', $1/ger }
        keys %seen;
    return [sort { $key{$a} cmp $key{$b} } keys %seen];
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
    my %option = ('near-limit' => 0.2, pair => '64-64', seconds => 0, session => 'speed', build => '');
    GetOptions(\%option, 'near-limit=f', 'only=s', 'pair=s', 'seconds=i', 'session=s', 'build=s', 'add', 'check',
        'json=s') or exit 2;
    my @earlier = earlier_samples(\%option);
    return if $option{check};
    my @samples = read_samples($option{'near-limit'}, @earlier);
    @samples || $option{only} or die "summary: there are no samples\n";
    my %measured = map { $_->{variant} => 1 } @samples;
    $measured{limit} = 1 if grep { /^copy/ } keys %measured;
    @variants = grep { $measured{$_} } @variants;
    my $summary = summarize(@samples);
    add_paired($summary, @samples);
    my %count = map { $_ => 0 } qw(near far mixed long);
    $count{ $_->{long} ? 'long' : $_->{state} }++ for @samples;
    my @verdicts = judge_targets($summary, $option{session});

    printf "pair %s (server-client), %d samples: %d near, %d far, %d dropped because the state changed, %d long\n",
        $option{pair}, scalar @samples, @count{qw(near far mixed long)};
    print_states($summary, \@samples, \%option);
    print_targets(grep { $_->{near}{verdict} ne 'not measured' || $_->{far}{verdict} ne 'not measured' } @verdicts);
    return unless $option{json};
    write_json($option{json}, {
        when => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), host => join(' ', (uname())[0, 2, 4]), pair => $option{pair},
        session => $option{session}, build => $option{build},
        near_limit_us => $option{'near-limit'}, seconds => $option{seconds}, counts => \%count, summary => $summary,
        targets => \@verdicts }, \@samples);
    print "\nall samples: $option{json}\n";
}

main();
