#!/usr/bin/env perl
# Writes the stubs and the .def of a DLL that stands in for a system DLL: see usage() below, or --help.
use strict;
use warnings;
use File::Basename qw(basename);
use Getopt::Long qw(GetOptions);

my $width = 120;
my @kinds = qw(forward forward-nt own local jump);

eval { main(); 1 } or do {
    print STDERR $@;
    exit 1;
};

sub usage {
    return <<'END';
usage: gen_stubs.pl --dll NAME --exports FILE --header NAME ... --include-dir DIR ... --out DIR --def FILE [OPTION ...]

Writes, for a DLL NAME.dll that offers the exports listed in FILE:
  DIR/NAME_stubs.c, .h   stub_X for every export X that is only passed on to the system
  DIR/NAME_real.c, .h    real_X for every export we have a body for ourselves: calls the system's X
  DIR/NAME_api.h         prototypes of those bodies: api_X (taken over), local_X and jump_target_X (stubs/local.c)
  DIR/NAME_exports.h     a list of name, ordinal, i386 stack bytes (-1: not known), for tests
  the .def               every name with its ordinal

  --exports FILE      output of `dumpbin /exports` or `objdump -p`, or a table as stubs/wsock32.tbl describes it
  --header NAME       read for prototypes, and included by what is written; the first prototype found counts
  --scan NAME         a header that one of those includes: read for prototypes, but not included
  --include-dir DIR   where headers are looked for, in this order
  --prototypes FILE   C prototypes, one per line, of exports that no header declares; they come before the headers'
                      (an export without a name goes as ordinal_N)
  --takeover FILE     names of the exports that have a body of ours, api_X
  --target NAME       system DLL behind exports for which a dump names no other (default: NAME of --dll)
  --error N           last error when a target is missing, where the list does not say (default: 10045)

The stubs find their targets through stubs/forward.h.
Anything wrong with the input ends the run with status 1, a line "FILE:LINE: export `X': what" and nothing written.
END
}

sub main {
    my $opt = parse_options();
    my $exports = read_exports($opt);
    check_unique($opt->{exports}, $exports);
    mark_taken_over($opt->{takeover}, $exports) if $opt->{takeover};
    check_bodies($opt->{exports}, $exports);
    attach_prototypes($opt, $exports);
    my %files = (
        stub_files($opt, $exports), real_files($opt, $exports),
        "$opt->{out}/$opt->{dll}_api.h" => api_header($opt, $exports),
        "$opt->{out}/$opt->{dll}_exports.h" => exports_header($opt, $exports),
        $opt->{def} => def_file($opt, $exports),
    );
    write_file($_, $files{$_}) for sort keys %files;
}

sub parse_options {
    my %opt = (header => [], scan => [], include_dir => [], error => 10045);
    my @wanted = ('dll=s', 'exports=s', 'header=s@', 'scan=s@', 'include-dir=s@', 'out=s', 'def=s', 'prototypes=s',
        'takeover=s', 'target=s', 'error=i', 'help');
    my %into = map { my $key = (split /=/)[0]; ($_ => $key =~ tr/-/_/r) } @wanted;
    GetOptions(map { ref $opt{$into{$_}} ? ($_ => $opt{$into{$_}}) : ($_ => \$opt{$into{$_}}) } @wanted)
        or die "try gen_stubs.pl --help\n";
    if ($opt{help}) { print usage(); exit 0; }
    for my $needed (qw(dll exports out def)) {
        die "gen_stubs.pl: --$needed is missing; try --help\n" unless defined $opt{$needed};
    }
    die "gen_stubs.pl: what is `@ARGV'? try --help\n" if @ARGV;
    $opt{target} //= $opt{dll};
    $opt{source} = basename($opt{exports});
    return \%opt;
}

# ---- messages and files

sub fail { my ($file, $line, $what) = @_; die "$file:$line: $what\n"; }

sub fail_export { my ($file, $line, $name, $what) = @_; fail($file, $line, "export `$name': $what"); }

sub read_lines {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: cannot be read: $!\n";
    my @lines = <$in>;
    s/\r?\n\z// for @lines;
    return @lines;
}

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: cannot be written: $!\n";
    print {$out} $text;
    close $out or die "$file: cannot be written: $!\n";
}

# ---- the list of exports: a reference to { name, ordinal, bytes, target, symbol, kind, error, line, noname }

sub read_exports {
    my ($opt) = @_;
    my @lines = read_lines($opt->{exports});
    my $parse = list_parser(@lines) or fail($opt->{exports}, 1, "no list of exports in a form that is known here");
    my $exports = $parse->($opt, @lines);
    fail($opt->{exports}, scalar @lines, "the list of exports is empty") unless @$exports;
    return [sort { $a->{ordinal} <=> $b->{ordinal} } @$exports];
}

sub list_parser {
    my $text = join "\n", @_;
    return \&parse_dumpbin if $text =~ /^\s*ordinal\s+hint\s+RVA\s+name/m;
    return \&parse_objdump if $text =~ /^Export Address Table\b|^\[Ordinal\/Name Pointer\] Table/m;
    return \&parse_table if $text =~ /^\w+\s+\d+\s+/m;
    return undef;
}

sub parse_table {
    my ($opt, @lines) = @_;
    my @exports;
    for my $i (0 .. $#lines) {
        next if $lines[$i] =~ /^\s*(#|$)/;
        push @exports, table_row($opt, $i + 1, split ' ', $lines[$i]);
    }
    return \@exports;
}

sub table_row {
    my ($opt, $line, @columns) = @_;
    my ($name, $ordinal, $bytes, $target, $kind, $error) = @columns;
    my $bad = sub { fail_export($opt->{exports}, $line, $name, $_[0]) };
    $bad->("name, ordinal, bytes, target, kind and error are wanted here") unless @columns == 6;
    $bad->("`$ordinal' is not an ordinal") unless $ordinal =~ /^\d+$/ && $ordinal >= 1 && $ordinal <= 65535;
    $bad->("`$bytes' is not a number of stack bytes") unless $bytes =~ /^\d+$/ && $bytes % 4 == 0;
    $bad->("`$target' is not the name of a DLL") unless $target =~ /^\w+$/;
    $bad->("`$kind' is none of @kinds") unless grep { $_ eq $kind } @kinds;
    $bad->("`$error' is not an error code") unless $error =~ /^\d+$/;
    return { name => $name, ordinal => $ordinal, bytes => $bytes, target => $target, symbol => $name, kind => $kind,
        error => $error, line => $line };
}

# One export out of a dump.  An export without a name is known as ordinal_N.
sub dumped {
    my ($opt, $line, $ordinal, $name, $forwarder) = @_;
    my ($target, $symbol) = ($opt->{target}, $name // "#$ordinal");
    if (defined $forwarder) {
        ($target, $symbol) = $forwarder =~ /^(.+)\.([^.]+)$/
            or fail_export($opt->{exports}, $line, $name // "ordinal_$ordinal", "forwarded to `$forwarder'?");
        $target = lc($target) =~ s/\.dll$//r;
    }
    return { name => $name // "ordinal_$ordinal", noname => !defined $name, ordinal => $ordinal, bytes => -1,
        target => $target, symbol => $symbol, kind => 'forward', error => $opt->{error}, line => $line };
}

# The word of an unreadable line that is most likely the export's name.
sub likely_name {
    my ($text) = @_;
    my @words = grep { /^[A-Za-z_?@]/ && !/^(RVA|Export|Forwarder)$/ } split ' ', $text =~ s/[(=].*//r;
    return $words[-1] // '?';
}

# A dump tells how many names it has, which shows whether it was cut off.
sub check_complete {
    my ($opt, $exports, $names) = @_;
    my @named = sort { $a->{line} <=> $b->{line} } grep { !$_->{noname} } @$exports;
    return if !@named || !defined $names || $names == @named;
    my ($line, $name) = @{$named[-1]}{qw(line name)};
    fail_export($opt->{exports}, $line, $name, "the list ends here, after " . @named . " of $names names");
}

sub parse_dumpbin {
    my ($opt, @lines) = @_;
    my @exports;
    my $inside = 0;
    for my $i (0 .. $#lines) {
        my $text = $lines[$i];
        if ($text =~ /^\s*ordinal\s+hint\s+RVA\s+name/) { $inside = 1; next; }
        next unless $inside;
        if ($text =~ /^\s*$/) { $inside = 0 if @exports; next; }
        push @exports, dumpbin_row($opt, $i + 1, $text);
    }
    my ($names) = "@lines" =~ /(\d+) number of names/;
    check_complete($opt, \@exports, $names);
    return \@exports;
}

sub dumpbin_row {
    my ($opt, $line, $text) = @_;
    my $ordinal = qr/\s+(\d+)/;
    my $hint = qr/\s+[0-9A-F]+/;
    my $rva = qr/\s+[0-9A-F]{8}/;
    my $name = qr/\s+([^\s\[]\S*)/;
    my $forwarder = qr/\s+\(forwarded to (\S+)\)/;
    return dumped($opt, $line, $1, $2, $3) if $text =~ /^$ordinal$hint$name$forwarder\s*$/;
    return dumped($opt, $line, $1, undef, $2) if $text =~ /^$ordinal(?:$rva)?\s+\[NONAME\](?:$forwarder)?\s*$/;
    return dumped($opt, $line, $1, $2) if $text =~ /^$ordinal$hint$rva$name(?:\s+=\s+.*)?\s*$/;
    fail_export($opt->{exports}, $line, likely_name($text), "unreadable line `$text'");
}

sub parse_objdump {
    my ($opt, @lines) = @_;
    my (%address, %name);
    my $part = '';
    for my $i (0 .. $#lines) {
        my $text = $lines[$i];
        if ($text =~ /^Export Address Table --/) { $part = 'address'; }
        elsif ($text =~ /^\[Ordinal\/Name Pointer\] Table/) { $part = 'name'; }
        elsif ($text =~ /^\s*$/) { $part = ''; }
        elsif ($part eq 'address') { objdump_address($opt, $i + 1, $text, \%address); }
        elsif ($part eq 'name') { objdump_name($opt, $i + 1, $text, \%address, \%name); }
    }
    my $exports = objdump_exports($opt, \%address, \%name);
    my ($names) = "@lines" =~ /\[Name Pointer\/Ordinal\] Table\s+([0-9a-f]+)/;
    check_complete($opt, $exports, defined $names ? hex $names : undef);
    return $exports;
}

sub objdump_address {
    my ($opt, $line, $text, $address) = @_;
    $text =~ /^\s*\[\s*(\d+)\]\s+\+base\[\s*(\d+)\]\s+[0-9a-f]+\s+(?:Export RVA|Forwarder RVA -- (\S+))\s*$/
        or fail_export($opt->{exports}, $line, likely_name($text), "unreadable line `$text'");
    $address->{$1} = { ordinal => $2, forwarder => $3, line => $line };
}

# Newer versions of objdump repeat the ordinal and show the hint.
sub objdump_name {
    my ($opt, $line, $text, $address, $name) = @_;
    $text =~ /^\s*\[\s*(\d+)\](?:\s+\+base\[\s*\d+\]\s+[0-9a-f]+)?\s+(\S+)\s*$/
        or fail_export($opt->{exports}, $line, likely_name($text), "unreadable line `$text'");
    my ($index, $export) = ($1, $2);
    $address->{$index} or fail_export($opt->{exports}, $line, $export, "the address table has no entry $index");
    push @{$name->{$index}}, { name => $export, line => $line };
}

sub objdump_exports {
    my ($opt, $address, $name) = @_;
    my @exports;
    for my $index (sort { $a <=> $b } keys %$address) {
        my ($ordinal, $forwarder) = @{$address->{$index}}{qw(ordinal forwarder)};
        my $names = $name->{$index} // [{ line => $address->{$index}{line} }];
        push @exports, dumped($opt, $_->{line}, $ordinal, $_->{name}, $forwarder) for @$names;
    }
    return \@exports;
}

# ---- checks, and what is taken over

sub check_unique {
    my ($file, $exports) = @_;
    my (%ordinal, %name);
    for my $e (sort { $a->{line} <=> $b->{line} } @$exports) {
        my $bad = sub { fail_export($file, $e->{line}, $e->{name}, $_[0]) };
        my ($same_ordinal, $same_name) = ($ordinal{$e->{ordinal}}, $name{$e->{name}});
        $bad->("has ordinal $e->{ordinal} of `$same_ordinal->{name}' in line $same_ordinal->{line}") if $same_ordinal;
        $bad->("named twice, first in line $same_name->{line}") if $same_name;
        $ordinal{$e->{ordinal}} = $name{$e->{name}} = $e;
    }
}

sub mark_taken_over {
    my ($file, $exports) = @_;
    my %by_name = map { $_->{name} => $_ } @$exports;
    my @lines = read_lines($file);
    for my $i (0 .. $#lines) {
        my ($name) = $lines[$i] =~ /^\s*([^\s#]+)/ or next;
        my $bad = sub { fail_export($file, $i + 1, $name, "taken over, but $_[0]") };
        my $e = $by_name{$name} or $bad->('not in the list of exports');
        $e->{kind} =~ /^(forward|own)$/ or $bad->("of kind $e->{kind}");
        $e->{taken_over} = 1;
    }
}

sub check_bodies {
    my ($file, $exports) = @_;
    for my $e (grep { $_->{kind} eq 'own' && !$_->{taken_over} } @$exports) {
        fail_export($file, $e->{line}, $e->{name}, "has to be taken over: forwarding it as it is would be wrong");
    }
}

# What the .def file names as the body of an export.
sub body {
    my ($e) = @_;
    return "api_$e->{name}" if $e->{taken_over};
    return "local_$e->{name}" if $e->{kind} eq 'local';
    return "stub_$e->{name}";
}

sub has_real { my ($e) = @_; return $e->{taken_over} || $e->{kind} eq 'local'; }

# ---- prototypes

sub attach_prototypes {
    my ($opt, $exports) = @_;
    my %known;
    declare(\%known, hand_prototypes($opt->{prototypes})) if $opt->{prototypes};
    declare(\%known, declarations(slurp_header($opt, $_))) for @{$opt->{header}}, @{$opt->{scan}};
    for my $e (@$exports) {
        my $bad = sub { fail_export($opt->{exports}, $e->{line}, $e->{name}, $_[0]) };
        my $d = $known{$e->{name}} or $bad->('no header declares it, nor does the table of prototypes');
        $e->{result} = $d->{result};
        $e->{convention} = $d->{convention};
        $e->{arguments} = parse_arguments($d->{arguments}, $bad);
        $e->{failure} = failure_value($d->{result}) // $bad->("no failure value is known for type `$d->{result}'");
    }
}

sub declare {
    my ($known, @found) = @_;
    $known->{$_->{name}} //= $_ for @found;
}

sub hand_prototypes {
    my ($file) = @_;
    my @lines = read_lines($file);
    my @found;
    for my $i (0 .. $#lines) {
        next if $lines[$i] =~ /^\s*(#|$)/;
        my @here = declarations($lines[$i]);
        fail($file, $i + 1, "not one prototype: `$lines[$i]'") unless @here == 1;
        push @found, @here;
    }
    return @found;
}

sub slurp_header {
    my ($opt, $header) = @_;
    for my $dir (@{$opt->{include_dir}}) {
        return join "\n", read_lines("$dir/$header") if -f "$dir/$header";
    }
    die "gen_stubs.pl: header $header is in none of: @{$opt->{include_dir}}\n";
}

# Function declarations in C text.  Read as text, not preprocessed, so that the calling convention is visible for every
# architecture and nothing depends on a compiler.
sub declarations {
    my ($text) = @_;
    $text =~ s{/\*.*?\*/}{ }gs;
    $text =~ s{//[^\n]*}{}g;
    $text =~ s{^\s*\#(?:[^\n]*\\\n)*[^\n]*}{}mg;
    $text =~ s{__attribute__\s*\(\(.*?\)\)|__declspec\s*\(.*?\)|"C"}{}gs;
    return grep { defined } map { declaration($_) } split /[;{}]/, $text;
}

sub declaration {
    my ($text) = @_;
    $text =~ /^\s*([\w\s*]+?)\s*\b(\w+)\s*\((.*)\)\s*$/s or return undef;
    my ($before, $name, $arguments) = ($1, $2, $3);
    return undef if $before =~ /\b(return|typedef|else|static|inline)\b/ || $before !~ /\w/;
    my $stdcall = qr/\b(?:WINAPI|WSAAPI|WSPAPI|NTAPI|APIENTRY|PASCAL|CALLBACK|__stdcall)\b/;
    my $convention = $before =~ $stdcall ? 'WINAPI' : '';
    $before =~ s/$stdcall|\b(?:WINAPIV|__cdecl|extern|FAR|\w*API_LINKAGE|DECLSPEC_IMPORT)\b//g;
    return { name => $name, result => tidy($before), convention => $convention, arguments => tidy($arguments) };
}

sub tidy {
    my ($text) = @_;
    $text =~ s/\s+/ /g;
    $text =~ s/\s*\*\s*/*/g;
    $text =~ s/(?<=\w)\*/ */;
    $text =~ s/\*(?=\w)/* /;
    $text =~ s/^ | $//g;
    return $text;
}

sub parse_arguments {
    my ($text, $bad) = @_;
    return [] if $text =~ /^(void|VOID)?$/;
    $bad->("arguments that cannot be passed on: ($text)") if $text =~ /\.\.\.|\(/;
    my $count = 0;
    return [map { argument($_, ++$count) } split /,/, $text];
}

# Splits type and name; names an argument that has none.
sub argument {
    my ($text, $number) = @_;
    my $array = $text =~ s/\[[^\]]*\]//g;
    my $type_word = qr/^(?:char|short|int|long|double|float|signed|unsigned|__LONG32)$/;
    my $not_yet_a_type = qr/^\s*(?:(?:const|volatile|struct|union|enum)\s*)+$/;
    $text =~ s/\b(IN|OUT|FAR)\b//g;
    my ($type, $name) = $text =~ /^(.*?\S)\s*\b(\w+)\s*$/;
    $type = undef if defined $name && ($name =~ $type_word || $type =~ $not_yet_a_type);
    ($type, $name) = ($text, "arg$number") unless defined $type;
    $type = tidy($type . ($array ? '*' : ''));
    return { type => $type, name => $name };
}

# What a stub returns when its target is missing; forward.h documents this.
sub failure_value {
    my ($type) = @_;
    return '' if $type =~ /^void$/i;
    return 'NULL' if $type =~ /\*$/ || $type =~ /^(HANDLE|FARPROC|WSAEVENT|L?PC?\w*STR|LP[A-Z]+|P[A-Z]+)$/;
    return 'FALSE' if $type =~ /^(WIN)?BOOL$/;
    return 'INVALID_SOCKET' if $type eq 'SOCKET';
    return 'SOCKET_ERROR' if $type =~ /^int$/i;
    my $number = qr/u_(?:long|short|int)|DWORD|U?LONG|U?SHORT|UINT|WORD|(?:unsigned )?(?:__LONG32|long|short|int|char)/;
    return $type =~ /^$number$/ ? "($type)-1" : undef;
}

# ---- writing C

sub banner {
    my ($opt, $what) = @_;
    return "/* Written by tools/gen_stubs.pl from $opt->{source}; do not edit.\n" . wrap_comment($what) . " */\n";
}

sub wrap_comment {
    my ($text) = @_;
    my $line = ' *';
    my $wrapped = '';
    for my $word (split ' ', $text) {
        if (length("$line $word */") > $width) { $wrapped .= "$line\n"; $line = ' *'; }
        $line .= " $word";
    }
    return $wrapped . $line;
}

sub guarded {
    my ($opt, $suffix, $what, $includes, $body) = @_;
    my $guard = 'GEN_' . uc("$opt->{dll}_$suffix") . '_H';
    $includes .= "\n" if $includes;
    return banner($opt, $what) . "#ifndef $guard\n#define $guard\n\n$includes$body\n#endif\n";
}

# windows.h comes last: winsock2.h does not want to come after it.
sub header_includes { my ($opt) = @_; return join '', map { "#include <$_>\n" } @{$opt->{header}}, 'windows.h'; }

sub with_name { my ($type, $name) = @_; return $type . ($type =~ /\*$/ ? '' : ' ') . $name; }

# "int WINAPI real_f(SOCKET s, ...)", broken at the column limit.
sub signature {
    my ($e, $prefix) = @_;
    my $head = with_name($e->{result}, ($e->{convention} ? "$e->{convention} " : '') . "$prefix$e->{name}(");
    my @arguments = map { with_name($_->{type}, $_->{name}) } @{$e->{arguments}};
    return "${head}void)" unless @arguments;
    return wrap_list($head, ',', @arguments) . ')';
}

sub wrap_list {
    my ($line, $separator, @items) = @_;
    my $indent = ($line =~ /^(\s*)/)[0] . '    ';
    my $text = '';
    for my $i (0 .. $#items) {
        my $item = $items[$i] . ($i < $#items ? $separator : '');
        my $space = $line =~ /[(\s]$/ ? '' : ' ';
        if (length("$line$space$item);") > $width) { $text .= "$line\n"; $line = $indent; $space = ''; }
        $line .= "$space$item";
    }
    return $text . $line;
}

sub prototypes { my ($prefix, @exports) = @_; return join '', map { signature($_, $prefix) . ";\n" } @exports; }

sub module_name { my ($target) = @_; return 'module_' . $target =~ s/\W/_/gr; }

sub modules {
    my %targets = map { $_->{target} => 1 } @_;
    my @lines = map { sprintf "static forward_module_t %s = FORWARD_MODULE(\"%s\");\n", module_name($_), $_ }
        sort keys %targets;
    return join('', @lines) . (@lines ? "\n" : '');
}

# A function that finds its target and calls it with the arguments it got.
sub calling_function {
    my ($e, $prefix) = @_;
    my $slot = $e->{kind} eq 'forward-nt' ? 'FORWARD_SLOT_NT' : 'FORWARD_SLOT';
    my $pointer = with_name($e->{result}, '(') . ($e->{convention} ? "$e->{convention} " : '') . '*target_fn)(';
    my @types = map { $_->{type} } @{$e->{arguments}};
    my $typedef = wrap_list("    typedef $pointer", ',', @types ? @types : 'void');
    my @names = map { $_->{name} } @{$e->{arguments}};
    my $is_void = $e->{failure} eq '';
    return signature($e, $prefix) . "\n{\n"
        . "    static forward_slot_t slot = $slot(&" . module_name($e->{target}) . ", \"$e->{symbol}\", $e->{error});\n"
        . "$typedef);\n"
        . "    target_fn target = (target_fn)forward_target(&slot);\n"
        . ($is_void ? "    if (target)\n" : "    if (!target)\n        return $e->{failure};\n")
        . wrap_list($is_void ? '        target(' : '    return target(', ',', @names) . ");\n}\n" . pops($e) . "\n";
}

# The compiler adds up what the prototype pushes and compares it with the facts.
sub pops {
    my ($e) = @_;
    return '' if $e->{bytes} < 0;
    my @pushed = map { "FORWARD_ARG($_->{type})" } @{$e->{arguments}};
    return wrap_list("FORWARD_POPS(\"$e->{name}\", $e->{bytes}, ", ' +', @pushed ? @pushed : 0) . ");\n";
}

sub stub_files {
    my ($opt, $exports) = @_;
    my @stubs = grep { !has_real($_) } @$exports;
    my @calling = grep { $_->{kind} ne 'jump' } @stubs;
    my @jumping = grep { $_->{kind} eq 'jump' } @stubs;
    my $base = "$opt->{dll}_stubs";
    my $what = "The exports of $opt->{dll} that are only passed on to the system.";
    my $code = banner($opt, $what)
        . "#include \"$base.h\"\n\n#include \"forward.h\"\n\n"
        . modules(@calling) . join('', map { calling_function($_, 'stub_') } @calling)
        . join('', map { "FORWARD_JUMP($_->{name})\n" . pops($_) . "\n" } @jumping);
    my $jumps = join '', map { "void stub_$_->{name}(void);\n" } @jumping;
    my $header = guarded($opt, 'stubs', $what, header_includes($opt), prototypes('stub_', @calling) . $jumps);
    return ("$opt->{out}/$base.c" => $code =~ s/\n\n\z/\n/r, "$opt->{out}/$base.h" => $header);
}

sub real_files {
    my ($opt, $exports) = @_;
    my @real = grep { has_real($_) } @$exports;
    my $base = "$opt->{dll}_real";
    my $what = "The system's own functions behind the exports of $opt->{dll} that have a body of ours.";
    my $code = banner($opt, $what) . "#include \"$base.h\"\n\n#include \"forward.h\"\n\n"
        . modules(@real) . join '', map { calling_function($_, 'real_') } @real;
    my $header = guarded($opt, 'real', $what, header_includes($opt), prototypes('real_', @real));
    return ("$opt->{out}/$base.c" => $code =~ s/\n\n\z/\n/r, "$opt->{out}/$base.h" => $header);
}

sub api_header {
    my ($opt, $exports) = @_;
    my @jumping = grep { $_->{kind} eq 'jump' } @$exports;
    my $what = 'Bodies of ours that the .def names: api_ is in src/, local_ and jump_target_ are in stubs/local.c.';
    return guarded($opt, 'api', $what, header_includes($opt) . (@jumping ? "\n#include \"forward.h\"\n" : ''),
        prototypes('api_', grep { $_->{taken_over} } @$exports)
            . prototypes('local_', grep { $_->{kind} eq 'local' } @$exports)
            . join '', map { "forward_fn jump_target_$_->{name}(void);\n" } @jumping);
}

sub exports_header {
    my ($opt, $exports) = @_;
    my $macro = uc($opt->{dll}) . '_EXPORTS';
    my @rows = map { "    X(\"$_->{name}\", $_->{ordinal}, $_->{bytes})" } grep { !$_->{noname} } @$exports;
    my $what = "Every export's name, ordinal, and the bytes it pops on i386 (-1: not known).";
    return guarded($opt, 'exports', $what, '', join(" \\\n", "#define $macro(X)", @rows) . "\n");
}

sub def_file {
    my ($opt, $exports) = @_;
    my $text = "; Written by tools/gen_stubs.pl from $opt->{source}; do not edit.\n"
        . "; On i386 the linker has to add the @<bytes> of each body's symbol: --enable-stdcall-fixup.\n"
        . "LIBRARY \"$opt->{dll}.dll\"\nEXPORTS\n";
    for my $e (@$exports) {
        $text .= "    $e->{name} = " . body($e) . " \@$e->{ordinal}" . ($e->{noname} ? ' NONAME' : '') . "\n";
    }
    return $text;
}

