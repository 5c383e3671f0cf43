/* serve: sends the tree to one client after another. */
#include "filecopy.h"

#include "path.h"
#include "report.h"
#include "tree.h"

#include <inttypes.h>
#include <stdio.h>

enum { FILES_OPEN_MOST = 16 }; /* lent, or about to be */

typedef struct service {
    vmmc_channel_t channel;
    vmmc_memory_t files[FILES_OPEN_MOST];
    vmmc_memory_t *idle[FILES_OPEN_MOST];
    int idle_count;
} service_t;

static void name_port(const options_t *options, unsigned port)
{
    wchar_t path[PATH_MOST], draft[PATH_MOST];
    char text[16], name[PATH_MOST];
    DWORD count;
    snprintf(name, sizeof name, "%s.new", options->port_file);
    if (!path_join(path, options->port_file, "") || !path_join(draft, name, ""))
        die("the name '%s' is too long", options->port_file);
    HANDLE file = CreateFileW(draft, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    int length = snprintf(text, sizeof text, "%u\n", port);
    if (file == INVALID_HANDLE_VALUE || !WriteFile(file, text, (DWORD)length, &count, NULL) || !CloseHandle(file) ||
        !MoveFileExW(draft, path, MOVEFILE_REPLACE_EXISTING)) /* whoever sees it finds it whole */
        die_of_error("the port cannot be written to '%s'", options->port_file);
}

static SOCKET listen_here(const options_t *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int length = sizeof address;
    SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(options->port_file ? 0 : (u_short)options->port);
    if (s == INVALID_SOCKET || bind(s, (struct sockaddr *)&address, sizeof address) || listen(s, 5) ||
        getsockname(s, (struct sockaddr *)&address, &length))
        die_of_error("port %u cannot be listened at", options->port);
    if (options->port_file)
        name_port(options, ntohs(address.sin_port));
    return s;
}

/* A file that the client is done with, which is waited for only if all are out. */
static vmmc_memory_t *idle_file(service_t *service)
{
    void *context;
    if (!service->idle_count) {
        if (vmmc_reclaim(&service->channel, &context))
            return NULL;
        vmmc_free_memory(&service->channel, context);
        service->idle[service->idle_count++] = context;
    }
    return service->idle[--service->idle_count];
}

static bool send_entry(service_t *service, uint32_t kind, const char *name, uint64_t digest)
{
    struct {
        entry_t entry;
        char name[PATH_MOST];
    } message = {.entry = {.kind = kind, .name_bytes = (uint32_t)strlen(name), .digest = digest}};
    memcpy(message.name, name, message.entry.name_bytes);
    return !vmmc_send_all(&service->channel, &message, sizeof message.entry + message.entry.name_bytes);
}

static bool send_file(service_t *service, const tree_t *tree, const tree_node_t *node)
{
    vmmc_memory_t *memory = idle_file(service);
    if (!memory)
        return false;
    HANDLE file = tree_open(tree, node);
    if (file == INVALID_HANDLE_VALUE || vmmc_open_file(memory, file)) {
        report_error("'%s' cannot be read any more and is left out", node->name);
        if (file != INVALID_HANDLE_VALUE)
            CloseHandle(file);
        service->idle[service->idle_count++] = memory;
        return true;
    }
    return send_entry(service, ENTRY_FILE, node->name, node->digest) &&
           !vmmc_send_memory(&service->channel, memory, 0, memory->length, memory);
}

/* Afterwards the client has returned whatever it was lent. */
static bool take_all_back(service_t *service)
{
    while (service->idle_count < FILES_OPEN_MOST) {
        void *context;
        if (vmmc_reclaim(&service->channel, &context))
            return false;
        vmmc_free_memory(&service->channel, context);
        service->idle[service->idle_count++] = context;
    }
    return true;
}

static bool send_tree(service_t *service, const tree_t *tree)
{
    welcome_t welcome = {.magic = FILECOPY_MAGIC, .files = tree->files, .bytes = tree->bytes};
    if (vmmc_channel_greet(&service->channel) || vmmc_send_all(&service->channel, &welcome, sizeof welcome))
        return false;
    for (size_t i = 0; i < tree->count; i++) {
        const tree_node_t *node = &tree->nodes[i];
        if (node->is_folder ? !send_entry(service, ENTRY_FOLDER, node->name, 0) : !send_file(service, tree, node))
            return false;
    }
    return send_entry(service, ENTRY_END, "", copied(&service->channel)) && take_all_back(service);
}

static void serve_client(SOCKET s, const options_t *options, const tree_t *tree)
{
    service_t *service = calloc(1, sizeof *service);
    char byte;
    if (!service)
        die("there is no memory for a client");
    for (int i = 0; i < FILES_OPEN_MOST; i++)
        service->idle[service->idle_count++] = &service->files[i];
    promptly(s);
    vmmc_channel_open(&service->channel, s, options->ways);
    if (!send_tree(service, tree))
        report_error("a client has not got everything");
    else
        vmmc_receive(&service->channel, &byte, 1); /* the end: it closes */
    for (int i = 0; i < FILES_OPEN_MOST; i++)
        vmmc_free_memory(&service->channel, &service->files[i]);
    vmmc_channel_close(&service->channel);
    closesocket(s);
    free(service);
}

int serve(const options_t *options)
{
    tree_t tree;
    tree_read(&tree, options->folder);
    SOCKET listener = listen_here(options);
    printf("serving %" PRIu64 " files, %" PRIu64 " bytes\n", tree.files, tree.bytes);
    fflush(stdout);
    for (unsigned n = 0; !options->clients || n < options->clients; n++) {
        SOCKET s = accept(listener, NULL, NULL);
        if (s == INVALID_SOCKET)
            die_of_error("no client can be accepted");
        serve_client(s, options, &tree);
    }
    closesocket(listener);
    tree_free(&tree);
    return 0;
}
