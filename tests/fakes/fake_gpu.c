/* Makes a software Vulkan driver (Mesa's lavapipe) look like a graphics card, to programs that preload this library.
 *
 *   FAKE_GPU_NAME    what the card is called
 *   FAKE_GPU_MIB     how much memory of its own it has
 *   FAKE_GPU_LOST    a file: as soon as it is there, the device is lost
 *   FAKE_GPU_HELD    a folder: the file named by this process's pid says how many bytes of it are allocated
 *
 * Only what llama.cpp's Vulkan backend looks at is changed (ggml/src/ggml-vulkan/ggml-vulkan.cpp): the kind of device,
 * its name, its limits on sizes, and its memory. What is allocated is ordinary memory of the process; lavapipe has one
 * kind for all, so that buffers which a real card would keep in main memory count too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vulkan/vulkan.h>

enum { ALLOCATIONS = 65536 };
static const VkDeviceSize MIB = 1 << 20, GIB = 1 << 30;

static PFN_vkGetInstanceProcAddr next_instance_proc;
static PFN_vkGetDeviceProcAddr next_device_proc;
static PFN_vkGetPhysicalDeviceProperties next_properties;
static PFN_vkGetPhysicalDeviceProperties2 next_properties2;
static PFN_vkGetPhysicalDeviceMemoryProperties next_memory;
static PFN_vkGetPhysicalDeviceMemoryProperties2 next_memory2;
static PFN_vkAllocateMemory next_allocate;
static PFN_vkFreeMemory next_free;
static PFN_vkQueueSubmit next_submit;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { VkDeviceMemory memory; VkDeviceSize size; } allocations[ALLOCATIONS];
static VkDeviceSize held;

static VkDeviceSize card_size(void) {
    const char *mib = getenv("FAKE_GPU_MIB");
    return (mib ? strtoull(mib, NULL, 10) : 16384) * MIB;
}

/* One write of a fixed length, so that nobody reads half a number. */
static void report(void) {
    static int file = -1;
    char text[32], path[512];
    const char *folder = getenv("FAKE_GPU_HELD");
    if (!folder) return;
    if (file < 0) {
        snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
        file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    }
    int length = snprintf(text, sizeof text, "%020llu\n", (unsigned long long)held);
    if (file >= 0 && pwrite(file, text, (size_t)length, 0) != length) abort();
}

/* Notes that `memory` has another size now; 0 if it is gone. Its handle tells where the search begins. */
static void note(VkDeviceMemory memory, VkDeviceSize size) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0, at = ((size_t)memory >> 4) % ALLOCATIONS; i < ALLOCATIONS; i++, at = (at + 1) % ALLOCATIONS) {
        if (allocations[at].memory != memory && (!size || allocations[at].size)) continue;
        held += size - allocations[at].size;
        allocations[at].memory = memory;
        allocations[at].size = size;
        break;
    }
    report();
    pthread_mutex_unlock(&lock);
}

static VkResult VKAPI_CALL allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                    const VkAllocationCallbacks *callbacks, VkDeviceMemory *memory) {
    pthread_mutex_lock(&lock);
    int full = held + info->allocationSize > card_size();
    pthread_mutex_unlock(&lock);
    if (full) return VK_ERROR_OUT_OF_DEVICE_MEMORY;
    VkResult result = next_allocate(device, info, callbacks, memory);
    if (result == VK_SUCCESS) note(*memory, info->allocationSize);
    return result;
}

static void VKAPI_CALL release(VkDevice device, VkDeviceMemory memory, const VkAllocationCallbacks *callbacks) {
    if (memory) note(memory, 0);
    next_free(device, memory, callbacks);
}

static VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence) {
    const char *lost = getenv("FAKE_GPU_LOST");
    if (lost && !access(lost, F_OK)) return VK_ERROR_DEVICE_LOST;
    return next_submit(queue, count, infos, fence);
}

static void change_properties(VkPhysicalDeviceProperties *properties) {
    const char *name = getenv("FAKE_GPU_NAME");
    properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    properties->limits.maxStorageBufferRange = 0xFFFFFFFFu;
    snprintf(properties->deviceName, sizeof properties->deviceName, "%s", name ? name : "Fake GPU");
}

static void change_memory(VkPhysicalDeviceMemoryProperties *memory) {
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++)
        if (memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) memory->memoryHeaps[i].size = card_size();
}

static void change_chain(void *first) {
    for (VkBaseOutStructure *it = first; it; it = it->pNext) switch ((int)it->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES:
            ((VkPhysicalDeviceMaintenance3Properties *)it)->maxMemoryAllocationSize = 4 * GIB - 1;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES:
            ((VkPhysicalDeviceVulkan11Properties *)it)->maxMemoryAllocationSize = 4 * GIB - 1;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES:
            ((VkPhysicalDeviceMaintenance4Properties *)it)->maxBufferSize = 1024 * GIB;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES:
            ((VkPhysicalDeviceVulkan13Properties *)it)->maxBufferSize = 1024 * GIB;
            break;
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT:
            ((VkPhysicalDeviceMemoryBudgetPropertiesEXT *)it)->heapBudget[0] = card_size();
            ((VkPhysicalDeviceMemoryBudgetPropertiesEXT *)it)->heapUsage[0] = held;
            break;
    }
}

static void VKAPI_CALL properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *answer) {
    next_properties(device, answer);
    change_properties(answer);
}

static void VKAPI_CALL properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *answer) {
    next_properties2(device, answer);
    change_properties(&answer->properties);
    change_chain(answer->pNext);
}

static void VKAPI_CALL memory(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties *answer) {
    next_memory(device, answer);
    change_memory(answer);
}

static void VKAPI_CALL memory2(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties2 *answer) {
    next_memory2(device, answer);
    change_memory(&answer->memoryProperties);
    change_chain(answer->pNext);
}

static PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name);

/* Ours in place of `found`, if we have one of that name. */
static PFN_vkVoidFunction in_place_of(PFN_vkVoidFunction found, const char *name) {
    const struct { const char *name; void **next; void *ours; } replaced[] = {
        { "vkGetPhysicalDeviceProperties", (void **)&next_properties, (void *)properties },
        { "vkGetPhysicalDeviceProperties2", (void **)&next_properties2, (void *)properties2 },
        { "vkGetPhysicalDeviceProperties2KHR", (void **)&next_properties2, (void *)properties2 },
        { "vkGetPhysicalDeviceMemoryProperties", (void **)&next_memory, (void *)memory },
        { "vkGetPhysicalDeviceMemoryProperties2", (void **)&next_memory2, (void *)memory2 },
        { "vkGetPhysicalDeviceMemoryProperties2KHR", (void **)&next_memory2, (void *)memory2 },
        { "vkGetDeviceProcAddr", (void **)&next_device_proc, (void *)device_proc },
        { "vkAllocateMemory", (void **)&next_allocate, (void *)allocate },
        { "vkFreeMemory", (void **)&next_free, (void *)release },
        { "vkQueueSubmit", (void **)&next_submit, (void *)submit },
    };
    for (size_t i = 0; found && i < sizeof replaced / sizeof *replaced; i++) {
        if (strcmp(name, replaced[i].name)) continue;
        *replaced[i].next = (void *)found;
        return (PFN_vkVoidFunction)replaced[i].ours;
    }
    return found;
}

static PFN_vkVoidFunction VKAPI_CALL device_proc(VkDevice device, const char *name) {
    return in_place_of(next_device_proc(device, name), name);
}

PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(VkInstance instance, const char *name) {
    if (!next_instance_proc)
        next_instance_proc = (PFN_vkGetInstanceProcAddr)dlsym(RTLD_NEXT, "vkGetInstanceProcAddr");
    if (!next_instance_proc) {  /* the backend is loaded late: its library is not among those after us */
        void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_GLOBAL);
        if (library) next_instance_proc = (PFN_vkGetInstanceProcAddr)dlsym(library, "vkGetInstanceProcAddr");
    }
    return next_instance_proc ? in_place_of(next_instance_proc(instance, name), name) : NULL;
}
