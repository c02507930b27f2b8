/* stub bcryptprimitives.dll for wine 8, which has none: programs in Rust take their random bytes from it */
#define X __declspec(dllexport)
unsigned char __stdcall SystemFunction036(void*b, unsigned long n);
X int ProcessPrng(unsigned char*b, unsigned long long n){ return SystemFunction036(b, (unsigned long)n); }
