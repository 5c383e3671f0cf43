/* fetch: receives a tree, writes it or not, and checks every byte of it where it lies. */
#include "filecopy.h"

#include "digest.h"
#include "path.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

enum { PORT_PATIENCE_MS = 60000, SERVER_PATIENCE_MS = 10000 };

typedef struct copy {
    vmmc_channel_t channel;
    const options_t *options;
    uint64_t files, bytes, damaged;
} copy_t;

static void lose_server(void)
{
    if (WSAGetLastError() == WSAECONNABORTED)
        die("the server said something that makes no sense; this end has hung up");
    die_of_error("the connection to the server is lost");
}

static unsigned port_in(const wchar_t *path)
{
    char text[16] = "";
    DWORD count = 0;
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return 0;
    ReadFile(file, text, sizeof text - 1, &count, NULL);
    CloseHandle(file);
    return (unsigned)atoi(text);
}

/* The server writes it when it is ready. */
static unsigned await_port(const char *name)
{
    wchar_t path[PATH_MOST];
    if (!path_join(path, name, ""))
        die("the name '%s' is too long", name);
    for (int waited = 0; waited < PORT_PATIENCE_MS; waited += 20) {
        unsigned port = port_in(path);
        if (port)
            return port;
        Sleep(20);
    }
    die("no server has written its port to '%s'", name);
}

static SOCKET connect_to(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((u_short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    DWORD began = GetTickCount();
    for (;;) {
        SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
        if (s == INVALID_SOCKET)
            die_of_error("no socket can be had");
        if (connect(s, (struct sockaddr *)&address, sizeof address) == 0) {
            promptly(s);
            return s;
        }
        if (WSAGetLastError() != WSAECONNREFUSED || GetTickCount() - began > SERVER_PATIENCE_MS)
            die_of_error("no server answers at port %u", port);
        closesocket(s);
        Sleep(50); /* it may be starting at this moment */
    }
}

static HANDLE create(const copy_t *copy, const char *name, wchar_t path[PATH_MOST])
{
    if (!path_join(path, copy->options->folder, name))
        die("the name '%s' is too long, or not Unicode", name);
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_SEQUENTIAL_SCAN, NULL);
    if (file == INVALID_HANDLE_VALUE)
        die_of_error("'%s' cannot be created", name);
    return file;
}

static void write_run(HANDLE file, const void *bytes, uint32_t count, const char *name)
{
    DWORD written;
    if (!WriteFile(file, bytes, count, &written, NULL) || written != count)
        die_of_error("'%s' cannot be written", name);
}

/* The contents, wherever the channel has them: a lent page, a ring, a buffer. */
static uint64_t receive_contents(copy_t *copy, HANDLE file, const char *name)
{
    vmmc_parcel_t parcel;
    digest_t digest;
    digest_begin(&digest);
    if (vmmc_receive_parcel(&copy->channel, &parcel))
        lose_server();
    for (;;) {
        const void *bytes;
        uint32_t count;
        if (vmmc_parcel_next(&copy->channel, &parcel, &bytes, &count))
            lose_server();
        if (!count)
            break;
        digest_add(&digest, bytes, count);
        if (file)
            write_run(file, bytes, count, name);
        progress_add(count);
    }
    copy->bytes += parcel.length;
    return digest_end(&digest);
}

static void receive_file(copy_t *copy, const entry_t *entry, const char *name)
{
    wchar_t path[PATH_MOST];
    HANDLE file = copy->options->folder ? create(copy, name, path) : NULL;
    uint64_t digest = receive_contents(copy, file, name);
    if (file)
        CloseHandle(file);
    copy->files++;
    if (digest == entry->digest)
        return;
    copy->damaged++;
    report("'%s' was damaged on its way, or has changed at the server%s", name, file ? "; it is deleted" : "");
    if (file)
        DeleteFileW(path);
}

static void create_folder(const copy_t *copy, const char *name)
{
    wchar_t path[PATH_MOST];
    if (!copy->options->folder)
        return;
    if (!path_join(path, copy->options->folder, name))
        die("the name '%s' is too long, or not Unicode", name);
    if (!CreateDirectoryW(path, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)
        die_of_error("the folder '%s' cannot be created", *name ? name : copy->options->folder);
}

static void receive_name(copy_t *copy, const entry_t *entry, char name[PATH_MOST])
{
    const char *refusal;
    if (!entry->name_bytes || entry->name_bytes >= PATH_MOST)
        die("the server sent a name of %u bytes; this end has hung up", entry->name_bytes);
    if (vmmc_receive_all(&copy->channel, name, entry->name_bytes))
        lose_server();
    name[entry->name_bytes] = 0;
    refusal = strlen(name) == entry->name_bytes ? path_refusal(name) : "it has a character that names must not have";
    if (refusal)
        die("the server sent the name '%s', which is refused: %s", name, refusal);
}

/* True: there is more. */
static bool receive_entry(copy_t *copy, entry_t *entry)
{
    char name[PATH_MOST];
    if (vmmc_receive_all(&copy->channel, entry, sizeof *entry))
        lose_server();
    if (entry->kind == ENTRY_END)
        return false;
    receive_name(copy, entry, name);
    if (entry->kind == ENTRY_FOLDER)
        create_folder(copy, name);
    else if (entry->kind == ENTRY_FILE)
        receive_file(copy, entry, name);
    else
        die("the server sent an entry of kind %u; this end has hung up", entry->kind);
    return true;
}

static void begin(copy_t *copy, welcome_t *welcome)
{
    if (vmmc_channel_greet(&copy->channel) || vmmc_receive_all(&copy->channel, welcome, sizeof *welcome))
        lose_server();
    if (welcome->magic != FILECOPY_MAGIC)
        die("what answers at that port is not a filecopy server of this version");
    if (copy->options->folder)
        create_folder(copy, "");
    progress_begin(copy->options->progress, welcome->bytes);
}

int fetch(const options_t *options)
{
    copy_t copy = {.options = options};
    welcome_t welcome;
    entry_t entry;
    SOCKET s = connect_to(options->port_file ? await_port(options->port_file) : options->port);
    vmmc_channel_open(&copy.channel, s, options->ways);
    begin(&copy, &welcome);
    double begun = clock_seconds();
    while (receive_entry(&copy, &entry))
        continue;
    double seconds = clock_seconds() - begun;
    progress_end();
    double copies = (double)(entry.digest + copied(&copy.channel)) / (double)(copy.bytes ? copy.bytes : 1);
    printf("%" PRIu64 " files, %" PRIu64 " bytes in %.3f s: %.2f GB/s, %.2f bytes copied for each that was delivered\n",
           copy.files, copy.bytes, seconds, (double)copy.bytes / 1e9 / (seconds + 1e-9), copies);
    vmmc_channel_close(&copy.channel);
    closesocket(s);
    if (copy.damaged)
        die("%" PRIu64 " files were damaged", copy.damaged);
    if (copy.files != welcome.files)
        die("the server promised %" PRIu64 " files and sent %" PRIu64 "", welcome.files, copy.files);
    return 0;
}
