#!/usr/bin/env perl
# Draws what tools/bench.sh has measured: SVG pictures of the JSON files that are there.
# usage: plots.pl FOLDER-OF-JSON FOLDER-FOR-SVG
use strict;
use warnings;
use JSON::PP;

my ($width, $height, $left, $right, $top, $bottom) = (760, 460, 70, 130, 40, 50);
my %colour = (builtin => '#d62728', ours => '#1f77b4', tcp => '#2ca02c', unix => '#9467bd', ring => '#555555',
    limit => '#000000', mpich => '#ff7f0e', ucx => '#8c564b', sleeping => '#17becf', event => '#17becf');
my %name = (builtin => 'builtin', ours => 'ours', tcp => 'native TCP', unix => 'AF_UNIX', ring => 'bare ring',
    limit => 'best copy', mpich => 'MPICH', ucx => 'UCX', sleeping => 'ours, no spin', event => 'ours, events');
my @order = qw(builtin ours sleeping event tcp unix mpich ucx ring limit);

# `x`: what of a test's name is the abscissa, or that less `base`; of several `sessions` the first that has a variant
# counts; `long`: the slices see several states, so there is one picture for all.
my @pictures = (
    { file => 'latency-size', title => 'Round trip', x_title => 'bytes', y_title => 'us', x => qr/^rtt:(\d+):$/,
        sessions => [qw(speed peers)] },
    { file => 'bandwidth-size', title => 'One way', x_title => 'bytes in a send', y_title => 'MB/s',
        x => qr/^(?:bw|msgs):(\d+):$/, field => 'mb_per_s', sessions => [qw(speed peers)] },
    { file => 'latency-load', long => 1, title => 'Round trip under load, pauses of 1 ms', x_title => 'pairs', y_title => 'us',
        x => qr/^load:64:t1000-p(\d+)$/, sessions => ['load'] },
    { file => 'cpu-load', long => 1, title => 'CPU time of an exchange, pauses of 1 ms', x_title => 'pairs', y_title => 'us',
        x => qr/^load:64:t1000-p(\d+)$/, field => 'cpu_us_each', sessions => ['load'] },
    { file => 'latency-connections', title => 'Round trip beside open connections', x_title => 'connections',
        y_title => 'us', x => qr/^rtt:64:c(\d+)$/, sessions => ['scale'] },
    { file => 'memory-connections', long => 1, title => 'Memory of an idle connection, both ends', x_title => 'connections',
        y_title => 'KB', x => qr/^crowd:64:c(\d+)$/, field => 'memory_each', sessions => ['scale'] },
    { file => 'select-sockets', title => 'A select that finds bytes', x_title => 'sockets in the set',
        y_title => 'us', x => qr/^ready:64:(?:c(\d+))?$/, base => 1, sessions => ['select'] },
);

sub read_sessions {
    my ($folder) = @_;
    my %session;
    for my $file (glob "$folder/*.json") {
        open my $in, '<', $file or die "plots: cannot read $file: $!\n";
        local $/;
        my $content = decode_json(<$in>);
        my $seen = $content->{counts};
        my %states = map { $_ => $content->{summary}{$_} } grep { $seen->{$_} } qw(near far);
        $states{any} = $content->{summary}{far} || $content->{summary}{near};
        $session{ $content->{session} } = \%states;
    }
    return \%session;
}

# variant -> [[x, y], ...]
sub curves_of {
    my ($picture, $sessions, $state) = @_;
    my %curves;
    for my $summary (map { $sessions->{$_}{$state} || () } @{ $picture->{sessions} }) {
        my %new;
        for my $test (keys %$summary) {
            $test =~ $picture->{x} or next;
            my $x = ($1 // 0) + ($picture->{base} || 0);
            while (my ($variant, $entry) = each %{ $summary->{$test} }) {
                my $y = $entry->{ $picture->{field} || 'median' };
                push @{ $new{$variant} }, [$x, $y] if $entry->{enough} && defined $y && $y > 0;
            }
        }
        $curves{$_} //= [sort { $a->[0] <=> $b->[0] } @{ $new{$_} }] for keys %new;
    }
    return \%curves;
}

sub log10_of { return log($_[0]) / log(10) }

sub floor_of { my $n = int $_[0]; return $n > $_[0] ? $n - 1 : $n }

# Both axes are logarithmic; a frame reaches from one power of ten to another upwards, and just around the points sideways.
sub frame_of {
    my ($curves) = @_;
    my @points = map { @$_ } values %$curves;
    my @x = sort { $a <=> $b } map { log10_of($_->[0]) } @points;
    my @y = sort { $a <=> $b } map { log10_of($_->[1]) } @points;
    return { x => [$x[0] - 0.1, $x[-1] + 0.1], y => [floor_of($y[0]), floor_of($y[-1]) + 1],
        ticks => { map { $_->[0] => 1 } @points } };
}

sub place_x { my ($f, $x) = @_; return $left + (log10_of($x) - $f->{x}[0]) / ($f->{x}[1] - $f->{x}[0]) * ($width - $left - $right) }
sub place_y { my ($f, $y) = @_; return $height - $bottom - (log10_of($y) - $f->{y}[0]) / ($f->{y}[1] - $f->{y}[0]) * ($height - $top - $bottom) }

sub size_of {
    my ($n) = @_;
    return $n >= 1 << 20 && $n % (1 << 20) == 0 ? ($n >> 20) . 'M' : $n >= 1024 && $n % 1024 == 0 ? ($n >> 10) . 'K' : $n;
}

sub grid {
    my ($f) = @_;
    my $svg = '';
    for my $power ($f->{y}[0] .. $f->{y}[1]) {
        my ($y, $text) = (place_y($f, 10**$power), 10**$power);
        $svg .= sprintf qq{<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="g"/><text x="%d" y="%.1f" text-anchor="end">%s</text>\n},
            $left, $y, $width - $right, $y, $left - 6, $y + 4, $text;
    }
    for my $tick (sort { $a <=> $b } keys %{ $f->{ticks} }) {
        my $x = place_x($f, $tick);
        $svg .= sprintf qq{<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" class="g"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>\n},
            $x, $top, $x, $height - $bottom, $x, $height - $bottom + 16, size_of($tick);
    }
    return $svg;
}

sub curve {
    my ($f, $variant, $points, $row) = @_;
    my $colour = $colour{$variant} || '#888888';
    my @at = map { sprintf '%.1f,%.1f', place_x($f, $_->[0]), place_y($f, $_->[1]) } @$points;
    my $dots = join '', map { my ($x, $y) = split /,/; qq{<circle cx="$x" cy="$y" r="3" fill="$colour"/>} } @at;
    my $dash = $variant =~ /^(ring|limit)$/ ? ' stroke-dasharray="5 4"' : '';
    my $y = $top + 14 + 18 * $row;
    return qq{<polyline points="@at" fill="none" stroke="$colour" stroke-width="2"$dash/>$dots\n}
        . sprintf qq{<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="$colour" stroke-width="2"$dash/><text x="%d" y="%d">%s</text>\n},
        $width - $right + 10, $y - 4, $width - $right + 30, $y - 4, $width - $right + 36, $y, $name{$variant} || $variant;
}

sub draw {
    my ($picture, $curves, $state) = @_;
    my $f = frame_of($curves);
    my $title = $picture->{title} . ($picture->{long} ? '' : " ($state)");
    my $svg = qq{<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" font-family="sans-serif" font-size="12">\n}
        . qq{<style>.g{stroke:#dddddd}</style><rect width="$width" height="$height" fill="white"/>\n};
    $svg .= sprintf qq{<text x="%d" y="24" font-size="15">%s</text>\n}, $left, $title;
    $svg .= grid($f);
    my $row = 0;
    $svg .= curve($f, $_, $curves->{$_}, $row++) for grep { $curves->{$_} } @order;
    $svg .= sprintf qq{<text x="%d" y="%d" text-anchor="middle">%s</text>\n}, ($left + $width - $right) / 2, $height - 10,
        $picture->{x_title};
    $svg .= sprintf qq{<text x="18" y="%d" text-anchor="middle" transform="rotate(-90 18 %d)">%s</text>\n}, $height / 2,
        $height / 2, $picture->{y_title};
    return "$svg</svg>\n";
}

sub main {
    my ($from, $to) = @ARGV;
    die "usage: plots.pl FOLDER-OF-JSON FOLDER-FOR-SVG\n" unless $to && -d $from && -d $to;
    my $sessions = read_sessions($from);
    for my $picture (@pictures) {
        next unless grep { $sessions->{$_} } @{ $picture->{sessions} }; # what stands there may stay
        for my $state ($picture->{long} ? 'any' : qw(near far)) {
            my $curves = curves_of($picture, $sessions, $state);
            my $file = "$to/$picture->{file}" . ($picture->{long} ? '' : "-$state") . '.svg';
            if (@{ $curves->{ours} || [] } < 2) { # the others alone would say nothing of us, an older picture the wrong thing
                unlink $file;
                next;
            }
            open my $out, '>', $file or die "plots: cannot write $file: $!\n";
            print $out draw($picture, $curves, $state);
            close $out or die "plots: cannot write $file: $!\n";
        }
    }
}

main();
