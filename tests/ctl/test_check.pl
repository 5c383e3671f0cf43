#!/usr/bin/env perl
# What `vmmcctl check` finds out about programs of every kind, and that it changes nothing.
use strict;
use warnings;
use Test::More;
use ctl_test;

my $folder = folder_of('programs');
my $bits = `file -b "$build/vmmcctl.exe"` =~ /PE32\+/ ? 64 : 32;

sub patched {
    my ($name, $change, $from) = @_;
    my $bytes = slurp("$build/ctl_" . ($from // 'IMPORT') . '.exe');
    $change->(\$bytes);
    open my $file, '>:raw', "$folder/$name" or die $!;
    print $file $bytes;
    close $file;
    return "$folder/$name";
}

sub header { return unpack 'V', substr ${$_[0]}, 0x3c, 4 }

# The address that a place in the file has in memory.
sub address_of {
    my ($bytes, $at) = @_;
    my $pe = header($bytes);
    my ($count, $optional) = unpack 'x6vx12v', substr $$bytes, $pe, 24;
    for my $i (0 .. $count - 1) {
        my ($address, $size, $raw) = unpack 'x12V3', substr $$bytes, $pe + 24 + $optional + 40 * $i, 40;
        return $address + $at - $raw if $at >= $raw && $at < $raw + $size;
    }
    die "offset $at lies in no section";
}

sub set_directory {
    my ($bytes, $which, $at, $size) = @_;
    my $entry = header($bytes) + 24 + ($bits == 64 ? 112 : 96) + 8 * $which;
    substr $$bytes, $entry, 8, pack('VV', address_of($bytes, $at), $size);
}

# Point the header's load configuration at the fixture's room for one, with these flags.
sub set_load_flags {
    my ($bytes, $flags) = @_;
    my $at = index $$bytes, 'room for a load configuration';
    substr $$bytes, $at, 160, pack('V', 148) . "\0" x 156;
    substr $$bytes, $at + ($bits == 64 ? 78 : 54), 2, pack('v', $flags);
    set_directory($bytes, 10, $at, 148);
}

# GNU's linker makes delayed imports, and does not say in the header where they are.
sub set_delayed {
    my ($bytes) = @_;
    for (my $name = -1; ($name = index $$bytes, "wsock32.dll\0", $name + 1) >= 0;) {
        my $at = index $$bytes, pack('VV', 1, address_of($bytes, $name));
        set_directory($bytes, 13, $at, 64) if $at >= 0;
    }
}

put("$build/ctl_$_.exe", "$folder/$_.exe") for qw(IMPORT WINSOCK2 LOAD NOTHING LIBRARY);
patched('DELAYED.exe', \&set_delayed, 'DELAYED');
put("$build/ctl_library.dll", "$folder/ctl_library.dll");

# By what means, and if not, why.
my %reaches = (IMPORT => 'import', DELAYED => 'delayed-import', LOAD => 'load', LIBRARY => 'library');
my $before = tree($folder);
for my $name (sort keys %reaches) {
    my ($found, $run) = ctl_json('check', spell("$folder/$name.exe"));
    is($found->{reach}, $reaches{$name}, "$name reaches wsock32 by $reaches{$name}");
    is($found->{bits}, $bits, '... with the right bitness');
    ok($found->{possible}, '... so it can have the transport') or diag($found->{reason});
    is($run->{code}, 0, '... which the exit code says too');
}
is((ctl_json('check', spell("$folder/LIBRARY.exe")))[0]{through}, 'ctl_library.dll', 'the library is named');

sub refused {
    my ($program, $obstacle) = @_;
    my ($found, $run) = ctl_json('check', spell($program));
    is($found->{obstacle}, $obstacle, "$program: $obstacle");
    ok(!$found->{possible} && $found->{reason} && $found->{advice}, '... with a reason and what to do');
    is($run->{code}, 1, '... and the exit code says no');
}

refused("$folder/WINSOCK2.exe", 'winsock2-only');
refused("$folder/NOTHING.exe", 'no-network');
refused("$folder/absent.exe", 'not-found');
refused("$folder/ctl_library.dll", 'library');
refused(patched('arm.exe', sub { my $b = shift; substr $$b, header($b) + 4, 2, pack 'v', 0xaa64 }), 'other-processor');
refused(patched('old.exe', sub { my $b = shift; substr $$b, header($b), 4, "NE\0\0" }), '16-bit');
refused(patched('text.exe', sub { ${$_[0]} = 'Hello' }), 'not-a-program');
refused(patched('signed.exe', sub { my $b = shift; substr $$b, header($b) + 94, 2, pack 'v', 0x80 }), 'signed-only');
refused(patched('dependent.exe', sub { set_load_flags($_[0], 0x800) }), 'dependent-load');
my ($usual) = ctl_json('check', spell(patched('usual.exe', sub { set_load_flags($_[0], 0x1000) })));
ok($usual->{possible}, 'other dependent-load flags do no harm') or diag($usual->{reason});
patched('named.exe', sub { });
patched('named.exe.manifest', sub { ${$_[0]} = '<assembly><file name="wsock32.dll"/></assembly>' });
refused("$folder/named.exe", 'manifest');

# Policies of the system for a program of that name.
my $options = 'HKLM\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options\\vmmcctl_test.exe';
ok(reg('add', $options, '/v', 'MitigationOptions', '/t', 'REG_BINARY', '/d', '0000000000100000', '/f'),
    'a policy is set');
refused(patched('vmmcctl_test.exe', sub { }), 'signed-only');
ok(reg('delete', $options, '/f'), '... and taken back');
ok((ctl_json('check', spell("$folder/vmmcctl_test.exe")))[0]{possible}, '... so it can have the transport again');

my $known = 'HKLM\\System\\CurrentControlSet\\Control\\Session Manager\\KnownDLLs';
ok(reg('add', $known, '/v', 'vmmcctl_test', '/d', 'wsock32.dll', '/f'), 'wsock32.dll becomes a known DLL');
refused("$folder/IMPORT.exe", 'known-dll');
ok(reg('delete', $known, '/v', 'vmmcctl_test', '/f'), '... and is none again');
ok((ctl_json('check', spell("$folder/IMPORT.exe")))[0]{possible}, '... so the program can have the transport again');

# root may write anywhere, but not to what is mounted for reading.
SKIP: {
    my $protected = folder_of('protected');
    put("$build/ctl_IMPORT.exe", "$protected/IMPORT.exe");
    skip 'nothing can be mounted here', 5
        if system "mount --bind '$protected' '$protected' 2>/dev/null && mount -o remount,bind,ro '$protected' 2>/dev/null";
    refused("$protected/IMPORT.exe", 'protected-folder');
    my $tried = ctl('install', spell("$protected/IMPORT.exe"));
    is($tried->{code}, 1, 'install refuses it too');
    like($tried->{err}, qr/cannot be written/, '... and says why');
    system 'umount', $protected;
}

SKIP: {
    my $windows = drive_c() . '/windows';
    skip 'no prefix found', 3 if !-d $windows;
    put("$build/ctl_IMPORT.exe", "$windows/vmmcctl_test.exe");
    my ($found) = ctl_json('check', 'C:\\windows\\vmmcctl_test.exe');
    is($found->{obstacle}, 'system-folder', 'what lies in the system\'s folder stays as it is');
    my $tried = ctl('install', 'C:\\windows\\vmmcctl_test.exe');
    like($tried->{err}, qr/Windows' own folder/, '... and install says so');
    unlink "$windows/vmmcctl_test.exe";
}

SKIP: {
    skip 'no 32-bit build', 3 if !has_32();
    my ($narrow) = ctl_json('check', spell("$build32/netbench.exe"));
    is($narrow->{bits}, 32, 'a 32-bit program is seen as one');
    like($narrow->{dll}, qr/i686/, '... and would get the 32-bit DLL');
}

# For people.
my $said = ctl('check', spell("$folder/WINSOCK2.exe"));
like($said->{out}, qr/ws2_32 alone.*what to do/s, 'people get a sentence and what to do');
like(ctl('check', spell("$folder/IMPORT.exe"))->{out}, qr/vmmcctl install/, '... or the command that comes next');

unlink "$folder/$_" for qw(arm.exe old.exe text.exe signed.exe dependent.exe usual.exe named.exe named.exe.manifest
    vmmcctl_test.exe);
is(tree($folder), $before, 'nothing was changed');
done_testing();
