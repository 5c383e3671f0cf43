#!/usr/bin/env perl
# Packs a folder into a zip whose bytes depend on its files alone: sorted names, one time, no owner.
# usage: pack.pl BASE FOLDER ZIP      packs BASE/FOLDER under the name FOLDER
use strict;
use warnings;
use File::Find;
use IO::Compress::Zip qw($ZipError ZIP_CM_DEFLATE);

my $moment = 946684800; # 2000-01-01, as good as any after 1980, where the format's time begins

@ARGV == 3 or die "usage: pack.pl BASE FOLDER ZIP\n";
my ($base, $folder, $zip) = @ARGV;
$ENV{TZ} = 'UTC';

my @names;
find({ no_chdir => 1, wanted => sub { push @names, substr $_, length("$base/") if -f } }, "$base/$folder");
@names or die "pack: there are no files in $base/$folder\n";

unlink $zip;
my $out;
for my $name (sort @names) {
    my $mode = -x "$base/$name" ? 0755 : 0644;
    my @entry = (Name => $name, Time => $moment, Method => ZIP_CM_DEFLATE, -Level => 9, ExtAttr => (0100000 | $mode) << 16);
    if ($out) { $out->newStream(@entry) or die "pack: $ZipError\n" }
    else { $out = IO::Compress::Zip->new($zip, @entry, Minimal => 1) or die "pack: cannot write $zip: $ZipError\n" }
    open my $in, '<:raw', "$base/$name" or die "pack: cannot read $base/$name: $!\n";
    local $/ = \65536;
    while (my $part = <$in>) { $out->print($part) or die "pack: $ZipError\n" }
}
$out->close or die "pack: $ZipError\n";
