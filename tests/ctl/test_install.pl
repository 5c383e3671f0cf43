#!/usr/bin/env perl
# install, uninstall, disable, enable: exactly what they say, and the folder as it was afterwards.
use strict;
use warnings;
use Test::More;
use ctl_test;

my $folder = folder_of('a folder with blanks');
my $program = put("$build/ctl_IMPORT.exe", "$folder/one program.exe");
my $second = put("$build/ctl_LOAD.exe", "$folder/second.exe");
my $before = tree($folder);

sub done { my ($run, $what) = @_; is($run->{code}, 0, $what) or diag($run->{all}) }
sub refused {
    my ($run, $pattern, $what) = @_;
    is($run->{code}, 1, $what) or diag($run->{all});
    like($run->{err}, $pattern, '... and says why');
}

# ---- round trip ----
refused(ctl('uninstall', spell($program)), qr/has not installed/, 'what was not installed cannot be uninstalled');
done(ctl('install', spell($program)), 'install');
is(-s "$folder/wsock32.dll", -s "$build/wsock32.dll", '... copies the DLL');
is(override_of($program), 'native,builtin', '... sets the override');
is(override_of($second), undef, '... for that program alone');
is((ctl_json('check', spell($program)))[0]{beside}, 'ours', '... and check sees it');
done(ctl('install', spell($program)), 'once more does no harm');
done(ctl('install', spell($second)), 'a second program of the folder shares it');

done(ctl('disable', spell($program)), 'disable');
ok(!-e "$folder/wsock32.dll", '... takes the name away');
is((ctl_json('check', spell($program)))[0]{beside}, 'disabled', '... and check sees it');
done(ctl('disable', spell($program)), '... twice is once');
like(ctl('check', spell($program))->{out}, qr/can be +vmmcctl enable/, '... and says what comes next');
done(ctl('enable', spell($program)), 'enable');
ok(-e "$folder/wsock32.dll", '... brings it back');

done(ctl('uninstall', spell($program)), 'uninstall');
ok(-e "$folder/wsock32.dll", '... leaves the DLL to the other program');
is(override_of($program), undef, '... and takes its own override back');
is(override_of($second), 'native,builtin', '... not the other one\'s');
done(ctl('disable', spell($second)), 'disabled');
done(ctl('uninstall', spell($second)), '... it can be uninstalled');
is(override_of($second), undef, '... with its override');
is(tree($folder), $before, 'the folder is as it was');

# ---- what is there already ----
sub write_file { my ($path, $text) = @_; open my $f, '>:raw', $path or die $!; print $f $text; close $f }

write_file("$folder/wsock32.dll", 'somebody else');
refused(ctl('install', spell($program)), qr/never overwritten/, 'another DLL is never overwritten');
is(slurp("$folder/wsock32.dll"), 'somebody else', '... and is what it was');
refused(ctl('disable', spell($program)), qr/not ours/, '... nor renamed');
unlink "$folder/wsock32.dll";

put("$build/wsock32.dll", "$folder/wsock32.dll");
like(ctl('check', spell($program))->{out}, qr/can be +vmmcctl install/, 'one of ours without override is not enough');
done(ctl('install', spell($program)), 'one of ours that was put there by hand is used');
done(ctl('uninstall', spell($program)), '... and uninstall');
ok(-e "$folder/wsock32.dll", '... leaves it there');
unlink "$folder/wsock32.dll";

done(ctl('install', spell($program)), 'an installed DLL');
write_file("$folder/wsock32.dll", slurp("$folder/wsock32.dll") . 'more');
like(ctl('uninstall', spell($program))->{out}, qr/not the one/, '... that somebody has changed is left alone');
ok(-e "$folder/wsock32.dll", '... really');
unlink "$folder/wsock32.dll";

write_file("$folder/vmmcctl.txt", "something else\n");
refused(ctl('install', spell($program)), qr/vmmcctl\.txt/, 'a record that is none is left alone');
is(slurp("$folder/vmmcctl.txt"), "something else\n", '... really');
ok(!-e "$folder/wsock32.dll", '... and nothing is installed');
unlink "$folder/vmmcctl.txt";

SKIP: {
    skip 'no 32-bit build', 2 if !has_32();
    put("$build32/wsock32.dll", "$folder/wsock32.dll");
    refused(ctl('install', spell($program)), qr/other bitness/, 'the DLL of the other bitness');
    unlink "$folder/wsock32.dll";
}
refused(ctl('install', spell("$build/ctl_WINSOCK2.exe")), qr/ws2_32 alone/, 'a program that imports ws2_32 alone');

# ---- a folder that has gone ----
my $gone = put("$build/ctl_IMPORT.exe", folder_of('gone') . '/gone.exe');
done(ctl('install', spell($gone)), 'a program that goes, with its folder,');
unlink glob "$scratch/gone/*" and rmdir "$scratch/gone";
is(override_of($gone), 'native,builtin', '... leaves an override');
done(ctl('uninstall', spell($gone)), '... which can be uninstalled');
is(override_of($gone), undef, '... really');
refused(ctl('uninstall', spell($gone)), qr/has not installed/, '... once');

# ---- in use ----
my $server = put("$build/netbench.exe", folder_of('in use') . '/in use.exe');
my $idle = tree("$scratch/in use");
my $port = "$scratch/port";
done(ctl('install', spell($server)), 'a program that will run');
launch({}, $server, 'server', '--port-file', spell($port));
ok(wait_for(sub { -s $port }), 'it runs');
refused(ctl('uninstall', spell($server)), qr/in use/, 'a DLL in use stays');
is((ctl_json('check', spell($server)))[0]{beside}, 'ours', '... with all else');
end_all();
ok(wait_for(sub { ctl('uninstall', spell($server))->{code} == 0 }), '... until the program has ended');
is(tree("$scratch/in use"), $idle, 'then nothing is left');

# ---- the override of before ----
my $key = 'HKCU\\Software\\Wine\\AppDefaults\\second.exe\\DllOverrides';
ok(reg('add', $key, '/v', 'wsock32', '/d', 'builtin', '/f'), 'an override that was there');
done(ctl('install', spell($second)), '... gives way');
is(override_of($second), 'native,builtin', '... to ours');
done(ctl('uninstall', spell($second)), '... and');
is(override_of($second), 'builtin', '... comes back');
reg('delete', 'HKCU\\Software\\Wine\\AppDefaults\\second.exe', '/f');

is(tree($folder), $before, 'in the end the folder is as it was');
done_testing();
