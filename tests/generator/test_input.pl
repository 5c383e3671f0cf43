#!/usr/bin/env perl
# The generator's input: all forms of export lists, prototypes as headers write them, and the message for whatever is
# wrong, which has to name the export and the line.
use strict;
use warnings;
use FindBin qw($Bin);
use lib $Bin;
use Test::More;
use generator_test;

my $prototypes = spew(scratch() . '/prototypes.tbl', "# by hand\nint WINAPI ordinal_5(int a);\n");

sub lamp {
    my ($exports, @more) = @_;
    my $out = scratch();
    my ($status, $output) = generate('--dll', 'lamp', '--exports', $exports, '--prototypes', $prototypes,
        '--header', 'lamp.h', '--include-dir', "$Bin/samples", '--target', 'bulb32', '--out', $out,
        '--def', "$out/lamp.def", @more);
    return ($status, $output, $out);
}

sub without_banner { return slurp($_[0]) =~ s/^.*do not edit\.$//mr; }

sub all_dump_formats_say_the_same {
    my ($status, $output, $first) = lamp(sample('lamp_dumpbin.txt'));
    is($status, 0, "dumpbin's output is read") or diag $output;
    for my $form (qw(lamp_objdump.txt lamp_objdump_new.txt)) {
        my ($other_status, $other_output, $other) = lamp(sample($form));
        is($other_status, 0, "$form is read") or diag $other_output;
        is(without_banner("$other/$_"), without_banner("$first/$_"), "$form: $_ is as from dumpbin")
            for qw(lamp.def lamp_stubs.c lamp_stubs.h lamp_exports.h);
    }
    return $first;
}

sub def_has_names_and_ordinals {
    my ($out) = @_;
    my @lines = grep { /@/ && !/^;/ } split /\n/, slurp("$out/lamp.def");
    is_deeply([map { s/^\s+//r } @lines], ['lamp_on = stub_lamp_on @1', 'lamp_off = stub_lamp_off @2',
        'lamp_count = stub_lamp_count @3', 'ordinal_5 = stub_ordinal_5 @5 NONAME', 'lamp_name = stub_lamp_name @7',
        'lamp_wait = stub_lamp_wait @9'], 'the .def has every name with its ordinal');
}

sub prototypes_are_found {
    my ($out) = @_;
    my $header = slurp("$out/lamp_stubs.h");
    for my $wanted (
        'int WINAPI stub_lamp_on(HANDLE lamp, const struct tagPOINT *where, DWORD arg3, char *name, '
            . 'unsigned __LONG32 *arg5);',
        'BOOL WINAPI stub_lamp_off(HANDLE arg1);', 'void WINAPI stub_lamp_wait(void);',
        'LPSTR WINAPI stub_lamp_name(HANDLE lamp);', 'int stub_lamp_count(int a, int b);',
        'int WINAPI stub_ordinal_5(int a);') {
        like($header =~ s/\s+/ /gr, qr/\Q$wanted\E/, "found: $wanted");
    }
}

sub targets_and_failures_are_right {
    my ($out) = @_;
    my $code = slurp("$out/lamp_stubs.c");
    like($code, qr/FORWARD_SLOT\(&module_bulb32, "bulb_title", 10045\)/, 'a forwarder names its target');
    like($code, qr/FORWARD_SLOT\(&module_kernel32, "#57", 10045\)/, 'a forwarder may name an ordinal');
    like($code, qr/FORWARD_SLOT\(&module_bulb32, "lamp_on", 10045\)/, 'code of the DLL itself is in --target');
    like($code, qr/stub_lamp_on\(.*?return SOCKET_ERROR;/s, 'an int fails with SOCKET_ERROR');
    like($code, qr/stub_lamp_off\(.*?return FALSE;/s, 'a BOOL fails with FALSE');
    like($code, qr/stub_lamp_name\(.*?return NULL;/s, 'a pointer fails with NULL');
}

sub table_and_takeover_are_read {
    my $takeover = spew(scratch() . '/takeover.tbl', "# ours\nlamp_on\nlamp_off\n");
    my ($status, $output, $out) = lamp(sample('lamp.tbl'), '--takeover', $takeover);
    is($status, 0, 'a table is read') or diag $output;
    my $def = slurp("$out/lamp.def");
    like($def, qr/^ +lamp_on = api_lamp_on \@1$/m, 'what is taken over goes to api_');
    like($def, qr/^ +lamp_count = stub_lamp_count \@3$/m, 'the rest goes to stub_');
    like(slurp("$out/lamp_real.h"), qr/^BOOL WINAPI real_lamp_off\(HANDLE arg1\);$/m, 'real_ has the same prototype');
    like(slurp("$out/lamp_real.c"), qr/"lamp_off", 120\)/, 'the table says what error a missing target leaves');
    like(slurp("$out/lamp_stubs.c"), qr/FORWARD_SLOT_NT\(&module_kernel32, "lamp_wait"/, 'forward-nt is marked so');
    unlike(slurp("$out/lamp_stubs.c"), qr/lamp_on|lamp_off/, 'no stub for what is taken over');
}

# A sample with one substitution made, and the number of the line that now has it.
sub broken {
    my ($name, $from, $to) = @_;
    my $text = slurp(sample($name));
    $text =~ s/$from/$to/ or die "$name has no $from\n";
    my $line = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
    return (spew(scratch() . "/$name", $text), $line);
}

sub fails {
    my ($what, $file, $line, $export, $message, @more) = @_;
    my ($status, $output, $out) = lamp($file, @more);
    is($status, 1, "$what: exit status");
    my $named = defined $export ? "export `$export': " : '';
    like($output, qr/^\Q$file:$line: $named\E.*$message/, "$what: names the export and the line");
    ok(!-e "$out/lamp.def", "$what: nothing is written");
}

sub errors_in_dumps {
    for my $case (
        ['dumpbin, name without prototype', 'lamp_dumpbin.txt', qr/lamp_off\n/, "lamp_dim\n", 'lamp_dim', 'no header'],
        ['dumpbin, duplicate ordinal', 'lamp_dumpbin.txt', qr/  2    2/, '  3    2', 'lamp_off',
            "ordinal 3 of `lamp_count'"],
        ['dumpbin, damaged address', 'lamp_dumpbin.txt', qr/000010C0/, '0000!0C0', 'lamp_off', 'unreadable'],
        ['dumpbin, cut off', 'lamp_dumpbin.txt', qr/ \(forwarded to BULB32\.bulb_title\)/, ' (forwarded', 'lamp_name',
            'unreadable'],
        ['dumpbin, lines missing', 'lamp_dumpbin.txt', qr/(lamp_off\n).*(?=\n  Summary)/s, "lamp_off\n", 'lamp_off',
            'ends here, after 3 of 5 names'],
        ['objdump, name without prototype', 'lamp_objdump.txt', qr/lamp_off\n/, "lamp_dim\n", 'lamp_dim', 'no header'],
        ['objdump, duplicate ordinal', 'lamp_objdump.txt', qr/base\[   2\]/, 'base[   3]', 'lamp_off',
            'ordinal 3 of'],
        ['objdump, damaged name', 'lamp_objdump.txt', qr/\[   1\] lamp_off/, '[   ?] lamp_off', 'lamp_off', 'unreadable'],
        ['objdump, no such address', 'lamp_objdump.txt', qr/\[   1\] lamp_off/, '[  41] lamp_off', 'lamp_off',
            'no entry 41'],
        ['objdump, a name missing', 'lamp_objdump.txt', qr/lamp_on\n.*lamp_wait\n/, "lamp_on\n", 'lamp_on',
            'ends here, after 4 of 5 names'],
        ['objdump, damaged address', 'lamp_objdump.txt', qr/10c0 Export RVA/, '10c0 Forwarder', '?', 'unreadable'],
    ) {
        my ($what, $name, $from, $to, $export, $message) = @$case;
        my ($file, $line) = broken($name, $from, $to);
        # Of two exports with one ordinal the later line is at fault.
        $line = 1 + (slurp($file) =~ s/\blamp_off\n.*//sr =~ tr/\n//) if $what =~ /^(objdump|dumpbin), dup/;
        fails($what, $file, $line, $export, $message);
    }
}

sub errors_in_tables {
    for my $case (
        ['a column too few', qr/(lamp_off.*)  120/, sub { $1 }, 'lamp_off', 'are wanted here'],
        ['duplicate ordinal', qr/(lamp_off\s+)2/, sub { "${1}1" }, 'lamp_off', "ordinal 1 of `lamp_on' in line 2"],
        ['duplicate name', qr/lamp_off/, sub { 'lamp_on ' }, 'lamp_on', 'named twice, first in line 2'],
        ['ordinal 0', qr/(lamp_off\s+)2/, sub { "${1}0" }, 'lamp_off', 'not an ordinal'],
        ['odd stack bytes', qr/(lamp_off\s+2\s+)4/, sub { "${1}3" }, 'lamp_off', 'stack bytes'],
        ['unknown kind', qr/(lamp_off.*)forward/, sub { "${1}sideway" }, 'lamp_off', 'none of forward'],
        ['unknown prototype', qr/lamp_off/, sub { 'lamp_dim' }, 'lamp_dim', 'no header'],
        ['variable arguments', qr/lamp_off/, sub { 'lamp_print' }, 'lamp_print', 'cannot be passed on'],
        ['a structure as result', qr/lamp_off/, sub { 'lamp_state' }, 'lamp_state', 'no failure value'],
        ['only called, not declared', qr/lamp_off/, sub { 'lamp_fade' }, 'lamp_fade', 'no header'],
    ) {
        my ($what, $from, $to, $export, $message) = @$case;
        my $text = slurp(sample('lamp.tbl')) =~ s/$from/$to->()/er;
        my $file = spew(scratch() . '/lamp.tbl', $text);
        my $takeover = spew(scratch() . '/takeover.tbl', "lamp_on\n");
        fails("table: $what", $file, 3, $export, $message, '--takeover', $takeover);
    }
}

sub errors_elsewhere {
    my $table = sample('lamp.tbl');
    fails('an own export nobody has', $table, 2, 'lamp_on', 'has to be taken over');
    my $takeover = spew(scratch() . '/takeover.tbl', "lamp_on\nlamp_glow\n");
    my ($status, $output) = lamp($table, '--takeover', $takeover);
    is($status, 1, 'taking over what is not exported fails');
    like($output, qr/^\Q$takeover:2: export `lamp_glow': \E/, 'and names export and line');
    fails('no list at all', spew(scratch() . '/novel.txt', "It was a dark\nand stormy night.\n"), 1, undef, 'no list');
    fails('an empty list', spew(scratch() . '/empty.txt', "    ordinal hint RVA      name\n\n"), 2, undef, 'empty');
    ($status, $output) = lamp('/nowhere/lamp.txt');
    is($status, 1, 'a missing file fails');
    like($output, qr{^/nowhere/lamp\.txt: cannot be read}, 'and is named');
    ($status, $output) = lamp(sample('lamp_objdump.txt'), '--header', 'candle.h');
    like($output, qr/header candle\.h is in none of/, 'a missing header is named');
    ($status, $output) = generate('--help');
    is($status, 0, '--help is no error');
    like($output, qr/^usage: /, '--help says how to use it');
}

my $out = all_dump_formats_say_the_same();
def_has_names_and_ordinals($out);
prototypes_are_found($out);
targets_and_failures_are_right($out);
table_and_takeover_are_read();
errors_in_dumps();
errors_in_tables();
errors_elsewhere();
done_testing();
