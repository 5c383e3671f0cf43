# What the tests of vmmcctl share: running it, programs in the background, folders of their own.
package ctl_test;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Copy qw(copy);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::File;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw($build $build32 $scratch spell ctl ctl_json launch launch_bare end_all wait_for folder_of put tree slurp
    override_of has_32 runs_32 wait_for_end complaints reg drive_c);

our ($build, $build32, $launcher) = map { abs_path($_) // $_ } @ARGV;
our $scratch = tempdir("vmmcctl-test.XXXXXX", TMPDIR => 1, CLEANUP => 1);
my %children; # what is in the background, each with the pipe that ends it

# Windows programs see the root of the file system as drive Z.
sub spell { my $path = "Z:$_[0]"; $path =~ tr{/}{\\}; return $path }

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or return '';
    local $/;
    return scalar <$file>;
}

# Its number, and the pipe that is its input, which ends when that is closed or forgotten.  Output goes to files: services that Wine
# starts would keep a pipe open.
sub start {
    my ($out, @words) = @_;
    pipe my $input, my $pipe or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    return ($pid, $pipe) if $pid;
    open STDIN, '<&', $input;
    open STDOUT, '>', "$out.out";
    open STDERR, '>', "$out.err";
    exec @words or POSIX::_exit(127);
}

my $runs = 0;

# Runs vmmcctl; its exit code, output and complaints.
sub ctl {
    my (@words) = @_;
    my $out = "$scratch/run" . ++$runs;
    local $ENV{VMMC_TEST_TIMEOUT} = 50; # less than the programs in the background have, so a hang is not over with them
    my ($pid) = start($out, $launcher, "$build/vmmcctl.exe", @words);
    waitpid $pid, 0;
    my ($text, $complaint) = map { my $t = slurp("$out.$_"); $t =~ s/\r//g; $t } qw(out err);
    return { code => $? >> 8, out => $text, err => $complaint, all => $text . $complaint };
}

sub ctl_json {
    my (@words) = @_;
    my $run = ctl(@words, '--json');
    my $value = eval { JSON::PP->new->utf8->decode($run->{out}) };
    ok(defined $value, "@words --json gives JSON") or diag("$@: $run->{all}");
    return ($value // {}, $run);
}

# Windows' own reg, for what vmmcctl only reads.
sub reg {
    my ($pid) = start("$scratch/reg", $launcher, 'reg', @_);
    waitpid $pid, 0;
    return $? == 0;
}

# The C: drive of the prefix that the launcher uses.
sub drive_c { return ($ENV{VMMC_WINEPREFIX} // abs_path("$build/../wineprefix") // '') . '/drive_c' }

# A program in the background: its number here; `environment` is set for it alone.
sub launch {
    my ($environment, $program, @words) = @_;
    return launch_bare($environment, "$build/ctl_background.exe", spell($program), @words);
}

# One that the test itself kills: end_all() cannot.
sub launch_bare {
    my ($environment, @words) = @_;
    local %ENV = (%ENV, VMMC_TEST_TIMEOUT => 150, %$environment);
    my ($pid, $pipe) = start("$scratch/background" . ++$runs, $launcher, @words);
    $children{$pid} = $pipe;
    return $pid;
}

# What all that was launched so far has complained of.
sub complaints { return join '', map { slurp($_) } glob "$scratch/background*.err" }

sub end_all {
    close $_ for values %children;
    waitpid $_, 0 for keys %children;
    %children = ();
}

END { my $code = $?; end_all(); $? = $code }

sub wait_for_end {
    my ($pid) = @_;
    waitpid $pid, 0;
    delete $children{$pid};
    return $? >> 8;
}

# Waits until `test` is true; false after a minute, which no machine needs.
sub wait_for {
    my ($test) = @_;
    my $until = time + 60;
    while (time < $until) {
        return 1 if $test->();
        sleep 0.05;
    }
    return 0;
}

sub folder_of {
    my ($name) = @_;
    make_path("$scratch/$name");
    return "$scratch/$name";
}

# A copy of a file of the build in a folder of the test.
sub put {
    my ($from, $to) = @_;
    copy($from, $to) or die "copying $from to $to: $!";
    chmod 0755, $to;
    return $to;
}

# The names in a folder with their sizes, as one text.
sub tree {
    my ($folder) = @_;
    opendir my $handle, $folder or return '';
    return join ' ', map { "$_:" . (-s "$folder/$_") } sort grep { !/^\./ } readdir $handle;
}

# What Wine's registry says of a program; the file lags behind, so it is asked through vmmcctl.
sub override_of {
    my ($program) = @_;
    return (ctl_json('check', spell($program)))[0]{override};
}

sub has_32 { return -e "$build32/netbench.exe" && -e "$build32/wsock32.dll" && $build32 ne $build }

# Some machines' kernels run 64-bit programs only.
sub runs_32 { return has_32() && system('/lib/ld-linux.so.2 --version >/dev/null 2>&1') == 0 }

1;
