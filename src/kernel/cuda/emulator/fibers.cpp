#include "fibers.h"

#include <setjmp.h>
#include <ucontext.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace emulator {

Index threadIdx, blockIdx, blockDim, gridDim;

namespace {

constexpr size_t STACK = 64 << 10;
constexpr int LANES = 32;

enum class State { Ready, AtWarp, AtBlock, Done };
enum class Meeting { Barrier, Exchange, Mma };

struct Fiber {
    std::unique_ptr<char[]> stack{new char[STACK]};
    ucontext_t start;
    jmp_buf here;
    bool started;
    State state;
    // What a lane brought to a meeting of its warp, and what it takes from it.
    Meeting meeting;
    unsigned value;
    int source;
    int* c;
    const int* a;
    const int* b;
};

std::vector<std::unique_ptr<Fiber>> fibers;
Fiber* current;
jmp_buf scheduler;
const std::function<void()>* body_of_thread;
std::vector<char> dynamic;
std::string fault;

// The i-th of n in an order; of what is scattered n need not be prime to the step.
unsigned pick(unsigned i, unsigned n, Order order) {
    if (order == Order::Ascending) return i;
    if (order == Order::Descending) return n - 1 - i;
    unsigned step = 13;
    while (n % step == 0) step += 2;
    return (unsigned)(((unsigned long long)i * step + 5) % n);
}

// Back to the scheduler. Jumps, unlike swapcontext, need no system call.
void wait(State state) {
    current->state = state;
    if (_setjmp(current->here) == 0) _longjmp(scheduler, 1);
}

void enter() {
    (*body_of_thread)();
    current->state = State::Done;
    _longjmp(scheduler, 1);
}

void resume(Fiber* fiber, unsigned thread) {
    current = fiber;
    threadIdx = Index{thread, 0, 0};
    if (_setjmp(scheduler) != 0) return;
    if (fiber->started) _longjmp(fiber->here, 1);
    fiber->started = true;
    setcontext(&fiber->start);
}

// The tile [16, 8] += [16, 32]·[32, 8] of bytes that 32 lanes hold, element by element as the PTX manual tells where each is.
void multiply(Fiber* const lanes[LANES]) {
    int a[16][32], b[32][8];
    for (int lane = 0; lane < LANES; lane++) {
        const int group = lane >> 2, member = lane % 4;
        for (int i = 0; i < 16; i++) {
            const int row = (i < 4 || (8 <= i && i < 12)) ? group : group + 8;
            const int column = member * 4 + (i & 3) + (i < 8 ? 0 : 16);
            a[row][column] = (signed char)(lanes[lane]->a[i / 4] >> (8 * (i % 4)));
        }
        for (int i = 0; i < 8; i++) {
            const int row = member * 4 + (i & 3) + (i < 4 ? 0 : 16);
            b[row][group] = (signed char)(lanes[lane]->b[i / 4] >> (8 * (i % 4)));
        }
    }
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < 4; i++) {
            const int row = (lane >> 2) + (i < 2 ? 0 : 8), column = (lane % 4) * 2 + (i & 1);
            // Unsigned: without .satfinite sums wrap.
            unsigned sum = (unsigned)lanes[lane]->c[i];
            for (int k = 0; k < 32; k++) sum += (unsigned)(a[row][k] * b[k][column]);
            lanes[lane]->c[i] = (int)sum;
        }
}

// Lets a warp run until all its lanes wait for the block or have ended. Gives whether any ran.
bool run_warp(unsigned first, Order order) {
    bool ran = false;
    Fiber* lanes[LANES];
    for (int lane = 0; lane < LANES; lane++) lanes[lane] = fibers[first + lane].get();
    while (fault.empty()) {
        for (unsigned i = 0; i < LANES; i++) {
            const unsigned lane = pick(i, LANES, order);
            if (lanes[lane]->state != State::Ready) continue;
            ran = true;
            resume(lanes[lane], first + lane);
        }
        int meeting = 0;
        for (Fiber* lane : lanes) meeting += lane->state == State::AtWarp;
        if (meeting == 0) return ran;
        for (Fiber* lane : lanes)
            if (lane->state != State::AtWarp || lane->meeting != lanes[0]->meeting) fault = "lanes of a warp do not meet";
        if (!fault.empty()) return ran;
        if (lanes[0]->meeting == Meeting::Mma) multiply(lanes);
        if (lanes[0]->meeting == Meeting::Exchange) {
            unsigned values[LANES];
            for (int lane = 0; lane < LANES; lane++) values[lane] = lanes[lane]->value;
            for (Fiber* lane : lanes) lane->value = values[lane->source];
        }
        for (Fiber* lane : lanes) lane->state = State::Ready;
    }
    return ran;
}

void run_block(unsigned threads, Order order) {
    for (unsigned thread = 0; thread < threads; thread++) {
        Fiber& fiber = *fibers[thread];
        fiber.started = false;
        fiber.state = State::Ready;
        getcontext(&fiber.start);
        fiber.start.uc_stack.ss_sp = fiber.stack.get();
        fiber.start.uc_stack.ss_size = STACK;
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, enter, 0);
    }
    // What is read before it was written should be seen to be wrong.
    std::memset(dynamic.data(), 0xab, dynamic.size());
    for (;;) {
        bool ran = false;
        for (unsigned i = 0; i < threads / LANES; i++) ran |= run_warp(pick(i, threads / LANES, order) * LANES, order);
        if (!fault.empty()) return;
        unsigned waiting = 0, done = 0;
        for (unsigned thread = 0; thread < threads; thread++) {
            waiting += fibers[thread]->state == State::AtBlock;
            done += fibers[thread]->state == State::Done;
        }
        if (done == threads) return;
        if (waiting == threads)
            for (unsigned thread = 0; thread < threads; thread++) fibers[thread]->state = State::Ready;
        else if (!ran)
            fault = "threads of a block do not meet";
    }
}

void meet(Meeting meeting) {
    current->meeting = meeting;
    wait(State::AtWarp);
}

}  // namespace

std::string run(Index grid, Index block, unsigned shared, Order order, const std::function<void()>& body) {
    if (block.y != 1 || block.z != 1 || block.x % LANES != 0 || block.x == 0 || block.x > 1024) return "blocks are rows of whole warps";
    if (shared > 48 << 10) return "no card has as much shared memory";
    while (fibers.size() < block.x) fibers.emplace_back(new Fiber);
    // Not one byte more than was asked for, rounded up to what the kernels read at once.
    dynamic.assign((shared + 15) / 16 * 16, 0);
    gridDim = grid;
    blockDim = block;
    body_of_thread = &body;
    fault.clear();
    const unsigned blocks = grid.x * grid.y * grid.z;
    for (unsigned i = 0; i < blocks && fault.empty(); i++) {
        const unsigned at = pick(i, blocks, order);
        blockIdx = Index{at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y};
        run_block(block.x, order);
    }
    return fault;
}

void* dynamic_shared() { return dynamic.data(); }

void block_barrier() { wait(State::AtBlock); }

void warp_barrier() { meet(Meeting::Barrier); }

unsigned exchange(unsigned mask, unsigned value, int source) {
    if (mask != 0xffffffffu) fault = "a shuffle that is not of all lanes";
    Fiber* const me = current;
    me->value = value;
    me->source = source;
    meet(Meeting::Exchange);
    return me->value;
}

void mma(int c[4], const int a[4], const int b[2]) {
    current->c = c;
    current->a = a;
    current->b = b;
    meet(Meeting::Mma);
}

}  // namespace emulator
