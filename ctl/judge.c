/* judge: see judge.h. */
#include "judge.h"

#include "exclusive.h"
#include "files.h"
#include "pe.h"
#include "place.h"
#include "record.h"
#include "registry.h"
#include "text.h"

#include <nt.h>

#include <stdio.h>
#include <string.h>

#define SEARCH_APPLICATION_FOLDER 0x1200u /* LOAD_LIBRARY_SEARCH_APPLICATION_DIR, _DEFAULT_DIRS */
#define MOST_LIBRARIES 64

static void refuse(verdict_t *verdict, const char *obstacle, const char *reason, const char *advice)
{
    if (verdict->obstacle)
        return;
    verdict->obstacle = obstacle;
    verdict->reason = reason;
    verdict->advice = advice;
}

/* ---- what it imports ---- */

typedef struct imports {
    bool wsock32, delayed, ws2_32, mscoree;
    unsigned count;
    char libraries[MOST_LIBRARIES][64]; /* the first ones */
} imports_t;

static void note_import(const char *library, bool delayed, void *context)
{
    imports_t *imports = context;
    if (text_same_name(library, CTL_DLL) && delayed)
        imports->delayed = true;
    else if (text_same_name(library, CTL_DLL))
        imports->wsock32 = true;
    else if (text_same_name(library, "ws2_32.dll"))
        imports->ws2_32 = true;
    else if (text_same_name(library, "mscoree.dll"))
        imports->mscoree = true;
    if (imports->count < MOST_LIBRARIES && strlen(library) < sizeof imports->libraries[0])
        strcpy(imports->libraries[imports->count++], library);
}

/* The libraries in the program's folder, and those that they import, once each. */
static void look_in_libraries(verdict_t *verdict, imports_t *imports)
{
    for (unsigned i = 0; i < imports->count && verdict->reach == REACH_NONE; i++) {
        char path[CTL_PATH];
        pe_image_t image;
        files_join(path, verdict->folder, imports->libraries[i]);
        contents_t contents = files_read(path);
        if (!contents.bytes)
            continue;
        imports_t own = {0};
        pe_read(&image, contents.bytes, contents.size);
        pe_each_import(&image, note_import, &own);
        if (own.wsock32 || own.delayed) {
            verdict->reach = REACH_LIBRARY;
            snprintf(verdict->through, sizeof verdict->through, "%s", imports->libraries[i]);
        }
        verdict->winsock2 |= own.ws2_32;
        for (unsigned n = 0; n < own.count && imports->count < MOST_LIBRARIES; n++) {
            bool known = false;
            for (unsigned k = 0; k < imports->count && !known; k++)
                known = text_same_name(imports->libraries[k], own.libraries[n]);
            if (!known)
                strcpy(imports->libraries[imports->count++], own.libraries[n]);
        }
        files_free(&contents);
    }
}

static void find_reach(verdict_t *verdict, const pe_image_t *image)
{
    imports_t imports = {0};
    pe_each_import(image, note_import, &imports);
    verdict->winsock2 = imports.ws2_32;
    verdict->reach = imports.wsock32 ? REACH_IMPORT : imports.delayed ? REACH_DELAYED : REACH_NONE;
    if (verdict->reach == REACH_NONE)
        look_in_libraries(verdict, &imports);
    if (verdict->reach == REACH_NONE && pe_mentions(image, "wsock32"))
        verdict->reach = REACH_LOAD;
}

/* ---- the program ---- */

static void judge_kind(verdict_t *verdict, const pe_image_t *image)
{
    if (image->kind == PE_NONE)
        refuse(verdict, "not-a-program", "it is not a Windows program", "name the .exe file that is started");
    else if (image->kind == PE_DOS)
        refuse(verdict, "not-a-program", "it is a DOS program", "there is nothing to do: DOS programs have no WinSock");
    else if (image->kind == PE_16BIT)
        refuse(verdict, "16-bit", "it is a 16-bit program, which uses winsock.dll",
               "there is nothing to do: only 32- and 64-bit programs can have the transport");
    else if (image->kind == PE_OTHER)
        refuse(verdict, "other-processor", "it is made for another processor than x86 or x64",
               "use the x86 or x64 edition of the program");
    else if (image->library)
        refuse(verdict, "library", "it is a library", "name the program (.exe) that loads it");
}

static void judge_reach_of(verdict_t *verdict, const pe_image_t *image)
{
    if (verdict->reach != REACH_NONE)
        return;
    if (image->dotnet_only)
        refuse(verdict, "dotnet", "it is a pure .NET program, whose sockets are ws2_32's",
               "a later version will have a ws2_32; until then it stays on the system's sockets");
    else if (verdict->winsock2)
        refuse(verdict, "winsock2-only", "it uses ws2_32 alone, and this version has only wsock32",
               "a later version will have a ws2_32; until then it stays on the system's sockets");
    else
        refuse(verdict, "no-network", "neither it nor a library in its folder imports or names wsock32",
               "if another program does the networking for it, name that one");
}

static bool only_signed_libraries(const char *program)
{
    char key[CTL_PATH];
    uint8_t options[16] = {0};
    snprintf(key, sizeof key, "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution Options\\%s",
             program);
    registry_machine_bytes(key, "MitigationOptions", options, sizeof options);
    return (options[5] >> 4 & 3) == 1; /* BLOCK_NON_MICROSOFT_BINARIES_ALWAYS_ON: bits 44 and 45 */
}

/* In the resources of the program, where manifests lie, or in a file beside it. */
static bool manifest_names_wsock32(const verdict_t *verdict, const pe_image_t *image)
{
    static const char entry[] = "file name=\"wsock32";
    char path[CTL_PATH];
    pe_image_t resources = {0};
    snprintf(path, sizeof path, "%s.manifest", verdict->path);
    contents_t beside = files_read(path);
    pe_image_t file = {.bytes = beside.bytes, .size = beside.size};
    bool found = (pe_section(image, ".rsrc", &resources.bytes, &resources.size) && pe_mentions(&resources, entry)) ||
                 (beside.bytes && pe_mentions(&file, entry));
    files_free(&beside);
    return found;
}

static void judge_policy(verdict_t *verdict, const pe_image_t *image)
{
    if (image->signed_only || only_signed_libraries(verdict->name))
        refuse(verdict, "signed-only", "it accepts signed libraries only, and ours is not signed",
               "there is nothing to do short of lifting that policy for this program");
    if (image->load_flags && !(image->load_flags & SEARCH_APPLICATION_FOLDER))
        refuse(verdict, "dependent-load",
               "its headers tell Windows to take its libraries from the system's folder only",
               "there is nothing to do: it would not look at a DLL beside it");
    if (manifest_names_wsock32(verdict, image))
        refuse(verdict, "manifest", "its manifest says itself where wsock32.dll comes from",
               "take that entry out of the manifest, if it is a file beside the program");
}

/* ---- where it is ---- */

static bool is_system_folder(const char *folder)
{
    wide_t wide;
    char windows[CTL_PATH];
    UINT length = GetWindowsDirectoryW(wide.text, CTL_PATH);
    wide.text[length < CTL_PATH ? length : 0] = 0;
    text_narrow(windows, sizeof windows, wide.text);
    size_t count = strlen(windows);
    return count && _strnicmp(folder, windows, count) == 0 && (folder[count] == 0 || folder[count] == '\\');
}

/* In our turn, since a file that is being looked at cannot be replaced. */
static void look_beside(verdict_t *verdict)
{
    char path[CTL_PATH];
    bool in_turn = exclusive_begin();
    files_join(path, verdict->folder, CTL_DLL);
    ours_look(&verdict->beside, path);
    files_join(path, verdict->folder, PLACE_OFF);
    ours_look(&verdict->off, path);
    if (in_turn)
        exclusive_end();
}

static void judge_neighbours(verdict_t *verdict)
{
    if (verdict->beside.kind == DLL_FOREIGN)
        refuse(verdict, "foreign-dll", "another wsock32.dll lies beside it already, and is never overwritten",
               "find out what it is for; if nothing needs it, move it away yourself");
    else if (verdict->beside.kind == DLL_OURS && verdict->beside.bits != verdict->bits)
        refuse(verdict, "other-bits", "the folder has our DLL for programs of the other bitness",
               "put the 32-bit and the 64-bit program into different folders");
    else if (verdict->off.kind == DLL_OURS && verdict->off.bits != verdict->bits)
        refuse(verdict, "other-bits", "the folder has our DLL for programs of the other bitness, disabled",
               "put the 32-bit and the 64-bit program into different folders");
}

static void judge_place(verdict_t *verdict)
{
    static const char known_dlls[] = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\KnownDLLs";
    if (is_system_folder(verdict->folder))
        refuse(verdict, "system-folder", "it lies in Windows' own folder, whose files are shared by everything",
               "copy the program into a folder of its own");
    if (registry_machine_lists(known_dlls, CTL_DLL))
        refuse(verdict, "known-dll",
               "wsock32.dll is a known DLL on this system, so the one beside a program is ignored",
               "an administrator can take it out of the registry key KnownDLLs and restart");
    judge_neighbours(verdict);
    if (!files_folder_is_writable(verdict->folder))
        refuse(verdict, "protected-folder", "its folder cannot be written by this user",
               "run vmmcctl as administrator, or copy the program's folder to a place of your own");
}

static void judge_image(verdict_t *verdict, const pe_image_t *image)
{
    verdict->bits = pe_bits(image);
    judge_kind(verdict, image);
    if (verdict->obstacle)
        return;
    find_reach(verdict, image);
    judge_reach_of(verdict, image);
    judge_policy(verdict, image);
    look_beside(verdict);
    judge_place(verdict);
    if (!ours_find(&verdict->dll, verdict->bits))
        refuse(verdict, "no-dll",
               verdict->bits == 64 ? "vmmcctl does not find the 64-bit wsock32.dll that belongs to it"
                                   : "vmmcctl does not find the 32-bit wsock32.dll that belongs to it",
               "unpack the whole release: the folders x86 and x64 belong beside vmmcctl.exe");
}

static void judge_absence(verdict_t *verdict)
{
    char longer[CTL_PATH];
    snprintf(longer, sizeof longer, "%.1000s.exe", verdict->path);
    if (files_is_folder(verdict->path))
        refuse(verdict, "folder", "that is a folder", "give the path of a program (.exe) in it");
    else if (files_exist(longer))
        refuse(verdict, "not-found", "there is no such file, but one that ends in .exe", "write the .exe, too");
    else
        refuse(verdict, "not-found", "there is no such file, or it cannot be read",
               "give the path of the .exe file, in quotes if it has blanks");
}

void judge(verdict_t *verdict, const char *program)
{
    pe_image_t image;
    *verdict = (verdict_t){0};
    if (!files_absolute(verdict->path, program))
        snprintf(verdict->path, sizeof verdict->path, "%s", program);
    files_split(verdict->path, verdict->folder, verdict->name);
    contents_t contents = files_read(verdict->path);
    if (!contents.bytes) {
        judge_absence(verdict);
        return;
    }
    pe_read(&image, contents.bytes, contents.size);
    judge_image(verdict, &image);
    files_free(&contents);
}

void judge_again(verdict_t *verdict)
{
    look_beside(verdict);
    judge_neighbours(verdict);
}

const char *judge_reach(reach_t reach)
{
    static const char *const words[] = {"none", "import", "delayed-import", "library", "load"};
    return words[reach];
}
