/* The part of NVML that the program uses, as a library that does what a text file says.
 *
 * The file is named by SIMULATED_NVML and read at every call. Its lines, the GPU ones after the `gpu` they belong to:
 *
 *   driver 1                 another number: the driver was reloaded, every handle of before is lost
 *   fail FUNCTION CODE       that function returns the code
 *   gpu NAME
 *   memory TOTAL RESERVED FREE USED
 *   compute PID BYTES        a process that computes; BYTES is -1 where the driver does not tell
 *   graphics PID BYTES       a process that draws
 *   utilization PERCENT
 *   temperature CELSIUS
 *   power MILLIWATTS
 *   lost                     it does not answer any more
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15 };
enum { GPUS = 4, PROCESSES = 16 };

typedef unsigned long long bytes;
typedef struct { unsigned pid; bytes used; unsigned gpu_instance, compute_instance; } process;
typedef struct { bytes total, free, used; } memory_v1;
typedef struct { unsigned version; bytes total, reserved, free, used; } memory_v2;
typedef struct { unsigned gpu, memory; } rates_of_use;
typedef struct { unsigned count; process entries[PROCESSES]; } process_list;
typedef struct {
    char name[64];
    bytes total, reserved, free, used;
    process_list compute, graphics;
    int utilization, temperature, power, lost;
} gpu;
typedef struct { int driver, failure; unsigned count; gpu gpus[GPUS]; } driver_state;

static int connected, connected_driver;

static void add(process_list *list, unsigned pid, long long used) {
    process entry = { pid, (bytes)used, 0xFFFFFFFFu, 0xFFFFFFFFu };
    if (list->count < PROCESSES) list->entries[list->count++] = entry;
}

static driver_state read_state(const char *function) {
    driver_state state = { 0 };
    char line[256], text[64];
    int number;
    unsigned pid;
    long long used;
    const char *path = getenv("SIMULATED_NVML");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) { state.failure = DRIVER_NOT_LOADED; return state; }
    while (fgets(line, sizeof line, file)) {
        gpu *last = &state.gpus[state.count ? state.count - 1 : 0];
        if (sscanf(line, "fail %63s %d", text, &number) == 2 && !strcmp(text, function)) state.failure = number;
        if (sscanf(line, "gpu %63[^\n]", text) == 1 && state.count < GPUS) {
            last = &state.gpus[state.count++];
            strcpy(last->name, text);
            last->utilization = last->temperature = last->power = -1;
        }
        sscanf(line, "driver %d", &state.driver);
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
