# What the generator's tests share: running tools/gen_stubs.pl, and looking at what it wrote.
package generator_test;
use strict;
use warnings;
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Spec;
use File::Temp qw(tempdir);

our @EXPORT = qw(source_root sample scratch generate slurp spew run is_program_there);

sub source_root { return File::Spec->rel2abs(dirname(__FILE__) . '/../..'); }

sub sample { return dirname(__FILE__) . "/samples/$_[0]"; }

sub scratch { return tempdir('vmmc-generator-XXXXXX', TMPDIR => 1, CLEANUP => 1); }

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";
    return $file;
}

# Exit status, and everything the command wrote.
sub run {
    my @command = @_;
    my $pid = open(my $from, '-|') // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or exit 127;
    }
    local $/;
    my $output = <$from> // '';
    close $from;
    return ($? >> 8, $output);
}

sub generate { return run($^X, source_root() . '/tools/gen_stubs.pl', @_); }

sub is_program_there { return grep { -x "$_/$_[0]" } File::Spec->path; }

1;
