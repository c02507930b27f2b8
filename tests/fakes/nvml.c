/* The part of NVML that the program uses, as a library that does what a text file says.
 *
 * The file is named by SIMULATED_NVML and read at every call; once only if SIMULATED_NVML_ONCE is set. Its lines, the
 * GPU ones after the `gpu` they belong to:
 *
 *   driver 1                 another number: the driver was reloaded, every handle of before is lost
 *   fail FUNCTION CODE       that function returns the code
 *   hang FUNCTION SECONDS    that function takes so long
 *   gpu NAME
 *   uuid TEXT
 *   pci TEXT                 its place on the bus, "00000000:01:00.0"
 *   memory TOTAL RESERVED FREE USED
 *   engines FOLDER           each file there is named by the pid of a real process and holds how many bytes that has
 *                            (see fake_gpu.c): it computes, as long as it runs
 *   frozen SECONDS           what such a process had stays in use for so long after its end
 *   compute PID BYTES        a process that computes; BYTES is -1 where the driver does not tell
 *   graphics PID BYTES       a process that draws
 *   utilization PERCENT
 *   temperature CELSIUS
 *   power MILLIWATTS
 *   lost                     it does not answer any more
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
enum { GPUS = 4, PROCESSES = 64, ENGINES = 256 };

typedef unsigned long long bytes;
typedef struct { unsigned pid; bytes used; unsigned gpu_instance, compute_instance; } process;
typedef struct { bytes total, free, used; } memory_v1;
typedef struct { unsigned version; bytes total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } rates_of_use;
typedef struct { unsigned count; process entries[PROCESSES]; } process_list;
typedef struct {
    char legacy_place[16];
    unsigned domain, bus, device, pci_device, pci_subsystem;
    char place[32];
} pci_info;
typedef struct {
    char name[64], uuid[96], place[32], engines[200];
    double frozen;
    bytes total, reserved, free, used;
    process_list compute, graphics;
    int utilization, temperature, power, lost;
} gpu;
typedef struct { unsigned pid; bytes used; double ended; } engine;
typedef struct { int driver, failure; unsigned count; gpu gpus[GPUS]; } driver_state;

static int connected, connected_driver;
static engine engines[ENGINES];
static unsigned engine_count;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void add(process_list *list, unsigned pid, long long used) {
    process entry = { pid, (bytes)used, 0xFFFFFFFFu, 0xFFFFFFFFu };
    if (list->count < PROCESSES) list->entries[list->count++] = entry;
}

static int runs(unsigned pid) {
    char path[32], state = 'Z';
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
    fclose(file);
    return state != 'Z' && state != 'X';
}

static engine *remembered(unsigned pid) {
    for (unsigned i = 0; i < engine_count; i++) if (engines[i].pid == pid) return &engines[i];
    if (engine_count == ENGINES) return NULL;
    engines[engine_count] = (engine){ .pid = pid };
    return &engines[engine_count++];
}

/* The real processes: those that run are listed, and what they have is in use; also for a while after their end. */
static void add_engines(gpu *card) {
    DIR *folder = *card->engines ? opendir(card->engines) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[512];
        unsigned pid = (unsigned)strtoul(entry->d_name, NULL, 10);
        engine *it = pid ? remembered(pid) : NULL;
        if (!it) continue;
        if (runs(pid)) {
            snprintf(path, sizeof path, "%s/%s", card->engines, entry->d_name);
            FILE *file = fopen(path, "r");
            if (file) { if (fscanf(file, "%llu", &it->used) != 1) it->used = 0; fclose(file); }
            it->ended = 0;
            add(&card->compute, pid, (long long)it->used);
        } else if (!it->ended) {
            it->ended = now();
        }
        if (!it->ended || now() - it->ended < card->frozen) {
            card->used += it->used;
            card->free -= it->used;
        }
    }
    if (folder) closedir(folder);
}

static driver_state read_file(const char *function, double *pause) {
    driver_state state = { 0 };
    char line[256], text[96];
    int number;
    unsigned pid;
    long long used;
    double seconds;
    const char *path = getenv("SIMULATED_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) { state.failure = DRIVER_NOT_LOADED; return state; }
    while (fgets(line, sizeof line, file)) {
        gpu *last = &state.gpus[state.count ? state.count - 1 : 0];
        if (sscanf(line, "fail %63s %d", text, &number) == 2 && !strcmp(text, function)) state.failure = number;
        if (sscanf(line, "hang %63s %lf", text, &seconds) == 2 && !strcmp(text, function)) *pause = seconds;
        if (sscanf(line, "gpu %63[^\n]", text) == 1 && state.count < GPUS) {
            last = &state.gpus[state.count++];
            strcpy(last->name, text);
            last->utilization = last->temperature = last->power = -1;
        }
        sscanf(line, "driver %d", &state.driver);
        sscanf(line, "uuid %95s", last->uuid);
        sscanf(line, "pci %31s", last->place);
        sscanf(line, "engines %199[^\n]", last->engines);
        sscanf(line, "frozen %lf", &last->frozen);
        sscanf(line, "memory %llu %llu %llu %llu", &last->total, &last->reserved, &last->free, &last->used);
        if (sscanf(line, "compute %u %lld", &pid, &used) == 2) add(&last->compute, pid, used);
        if (sscanf(line, "graphics %u %lld", &pid, &used) == 2) add(&last->graphics, pid, used);
        sscanf(line, "utilization %d", &last->utilization);
        sscanf(line, "temperature %d", &last->temperature);
        sscanf(line, "power %d", &last->power);
        if (!strcmp(line, "lost\n")) last->lost = 1;
    }
    fclose(file);
    return state;
}

static driver_state read_state(const char *function) {
    static driver_state kept;
    static int is_kept;
    driver_state state;
    double pause = 0;
    if (!is_kept) kept = read_file(function, &pause);
    is_kept = getenv("SIMULATED_NVML_ONCE") != NULL;
    if (pause > 0) usleep((useconds_t)(pause * 1e6));
    state = kept;
    for (unsigned i = 0; i < state.count; i++) add_engines(&state.gpus[i]);
    return state;
}

/* Every call on a GPU begins alike: the driver as it is now, and whether it is the one that was connected to. */
static int look(const char *function, void *handle, driver_state *state, gpu **found) {
    size_t index = (size_t)handle - 1;
    *state = read_state(function);
    if (!connected) return UNINITIALIZED;
    if (state->driver != connected_driver) return GPU_IS_LOST;
    if (state->failure) return state->failure;
    if (index >= state->count || state->gpus[index].lost) return GPU_IS_LOST;
    *found = &state->gpus[index];
    return SUCCESS;
}

#define LOOK(handle) \
    driver_state state; \
    gpu *found = NULL; \
    int error = look(__func__, handle, &state, &found); \
    if (error) return error

int nvmlInitWithFlags(unsigned flags) {
    driver_state state = read_state("nvmlInit_v2");
    (void)flags;
    if (state.failure) return state.failure;
    connected = 1;
    connected_driver = state.driver;
    return SUCCESS;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
    if (!connected) return UNINITIALIZED;
    connected = 0;
    return SUCCESS;
}

const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : "Simulated failure"; }

int nvmlDeviceGetCount_v2(unsigned *count) {
    driver_state state = read_state(__func__);
    if (!connected) return UNINITIALIZED;
    *count = state.count;
    return state.failure;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    LOOK((void *)((size_t)index + 1));
    *handle = (void *)((size_t)index + 1);
    return SUCCESS;
}

int nvmlDeviceGetName(void *handle, char *name, unsigned length) {
    LOOK(handle);
    snprintf(name, length, "%s", found->name);
    return SUCCESS;
}

int nvmlDeviceGetUUID(void *handle, char *uuid, unsigned length) {
    LOOK(handle);
    if (!*found->uuid) return NOT_SUPPORTED;
    snprintf(uuid, length, "%s", found->uuid);
    return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(void *handle, pci_info *info) {
    LOOK(handle);
    if (!*found->place) return NOT_SUPPORTED;
    memset(info, 0, sizeof *info);
    snprintf(info->place, sizeof info->place, "%s", found->place);
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *handle, memory_v1 *memory) {
    LOOK(handle);
    memory->total = found->total;
    memory->free = found->free;
    memory->used = found->used + found->reserved;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, memory_v2 *memory) {
    LOOK(handle);
    memory->total = found->total;
    memory->reserved = found->reserved;
    memory->free = found->free;
    memory->used = found->used;
    return SUCCESS;
}

static int give(const process_list *list, unsigned *count, process *processes) {
    unsigned room = *count;
    *count = list->count;
    if (room < list->count) return INSUFFICIENT_SIZE;
    if (list->count) memcpy(processes, list->entries, list->count * sizeof *processes);
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *handle, unsigned *count, process *processes) {
    LOOK(handle);
    return give(&found->compute, count, processes);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *handle, unsigned *count, process *processes) {
    LOOK(handle);
    return give(&found->graphics, count, processes);
}

int nvmlDeviceGetUtilizationRates(void *handle, rates_of_use *rates) {
    LOOK(handle);
    if (found->utilization < 0) return NOT_SUPPORTED;
    rates->gpu = (unsigned)found->utilization;
    rates->memory = 0;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
    LOOK(handle);
    (void)sensor;
    if (found->temperature < 0) return NOT_SUPPORTED;
    *celsius = (unsigned)found->temperature;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    LOOK(handle);
    if (found->power < 0) return NOT_SUPPORTED;
    *milliwatts = (unsigned)found->power;
    return SUCCESS;
}
