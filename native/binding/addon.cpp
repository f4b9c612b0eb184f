// The addon as JavaScript sees it:
//   tiers() · open(threads, isa, capacityBytes, block) -> handle · close(handle) · grow(handle, bytes) · info(handle)
//   run(handle, opCode) · write(handle, offset, values, bf16) · read(handle, offset, values, bf16) · peak(isa, threads) -> [f32, bf16]
//   spillOpen(handle, directory, bytes) · spillClose(handle) · spillProbe(handle, bytes) -> bytes per second
//   spillWrite(handle, offset, bytes, at) -> number · spillRead(handle, offset, bytes, at) -> number · spillWait(handle, number)
//   stream(handle, bytes, reads, updates, writes) · lock(descriptor) -> boolean
// Handles are indices into a table that belongs to the JavaScript environment and are never used twice; every failure is a
// JavaScript error with a `code`.
#include <errno.h>
#include <node_api.h>
#include <sys/file.h>

#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "../peak/sum-over-threads.h"
#include "bf16-values.h"
#include "context.h"
#include "run-op.h"
#include "tier-choice.h"

namespace compact {
namespace {

using Contexts = std::vector<std::unique_ptr<Context>>;

napi_value fail(napi_env env, const char* code, const char* message) {
  napi_throw_error(env, code, message);
  return nullptr;
}

template <size_t count>
struct Arguments {
  napi_value values[count] = {};
  bool complete = false;

  Arguments(napi_env env, napi_callback_info info) {
    size_t given = count;
    complete = napi_get_cb_info(env, info, &given, values, nullptr, nullptr) == napi_ok && given >= count;
  }
};

bool readInteger(napi_env env, napi_value value, int32_t& out) {
  return napi_get_value_int32(env, value, &out) == napi_ok;
}

/** A byte count or offset, up to 2^53. */
bool readSize(napi_env env, napi_value value, size_t& out) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return false;
  if (!(number >= 0 && number <= 9007199254740992.0)) return false;
  out = static_cast<size_t>(number);
  return static_cast<double>(out) == number;
}

/** The context of a handle; throws and gives null where there is none. */
Context* contextOf(napi_env env, napi_value handle) {
  void* data = nullptr;
  int32_t index = -1;
  if (napi_get_instance_data(env, &data) == napi_ok && data != nullptr && readInteger(env, handle, index)) {
    const Contexts& contexts = *static_cast<Contexts*>(data);
    if (index >= 0 && static_cast<size_t>(index) < contexts.size() && contexts[static_cast<size_t>(index)]) {
      return contexts[static_cast<size_t>(index)].get();
    }
  }
  fail(env, "NATIVE_CLOSED", "this native engine is closed or never existed");
  return nullptr;
}

const char* explain(Refusal refusal) {
  if (strcmp(refusal, "NATIVE_RANGE") == 0) return "native engine: a tensor lies outside the arena";
  if (strcmp(refusal, "NATIVE_TOKEN") == 0) return "native engine: a token id lies outside the vocabulary";
  return "native engine: impossible extents or scalars";
}

napi_value tiers(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  uint32_t index = 0;
  for (const KernelTable* const* tier = supportedTiers(); *tier != nullptr; tier++) {
    napi_value name;
    napi_create_string_utf8(env, (*tier)->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, list, index++, name);
  }
  return list;
}

const KernelTable* readTier(napi_env env, napi_value value) {
  char name[16] = {};
  if (napi_get_value_string_utf8(env, value, name, sizeof name, nullptr) != napi_ok) return nullptr;
  return tierNamed(name);
}

napi_value open(napi_env env, napi_callback_info info) {
  const Arguments<4> given(env, info);
  int32_t threads = 0;
  size_t capacity = 0;
  if (!given.complete || !readInteger(env, given.values[0], threads) || !readSize(env, given.values[2], capacity)) {
    return fail(env, "NATIVE_ARGUMENTS", "open(threads, isa, capacityBytes, block)");
  }
  const KernelTable* kernels = readTier(env, given.values[1]);
  if (kernels == nullptr) return fail(env, "NATIVE_ISA", "this machine does not support the instruction set");
  napi_typedarray_type type;
  size_t length = 0;
  void* slots = nullptr;
  if (napi_get_typedarray_info(env, given.values[3], &type, &length, &slots, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || length < static_cast<size_t>(argumentSlots)) {
    return fail(env, "NATIVE_ARGUMENTS", "the argument block must be a Float64Array of 64 slots");
  }
  std::unique_ptr<Context> context(new (std::nothrow) Context);
  if (!context) return fail(env, "NATIVE_MEMORY", "out of memory");
  context->kernels = kernels;
  context->slots = static_cast<const double*>(slots);
  context->pool = createPool(threads);
  if (context->pool == nullptr) return fail(env, "NATIVE_THREADS", "the threads could not be started");
  if (!context->arena.reserve(capacity)) return fail(env, "NATIVE_MEMORY", "no address space could be reserved");
  void* data = nullptr;
  if (napi_get_instance_data(env, &data) != napi_ok || data == nullptr ||
      napi_create_reference(env, given.values[3], 1, &context->blockReference) != napi_ok) {
    return fail(env, "NATIVE_ARGUMENTS", "the environment is shutting down");
  }
  Contexts& contexts = *static_cast<Contexts*>(data);
  napi_value handle;
  napi_create_int32(env, static_cast<int32_t>(contexts.size()), &handle);
  contexts.push_back(std::move(context));
  return handle;
}

napi_value close(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  if (contextOf(env, given.values[0]) == nullptr) return nullptr;
  void* data = nullptr;
  int32_t index = 0;
  napi_get_instance_data(env, &data);
  readInteger(env, given.values[0], index);
  std::unique_ptr<Context>& context = (*static_cast<Contexts*>(data))[static_cast<size_t>(index)];
  napi_delete_reference(env, context->blockReference);
  context.reset();
  return nullptr;
}

napi_value grow(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  Context* context = contextOf(env, given.values[0]);
  size_t bytes = 0;
  if (context == nullptr) return nullptr;
  if (!readSize(env, given.values[1], bytes)) return fail(env, "NATIVE_ARGUMENTS", "grow(handle, bytes)");
  if (!context->arena.grow(bytes, context->pool)) {
    return fail(env, "NATIVE_MEMORY", "the system has no more memory for the arena");
  }
  return nullptr;
}

napi_value describe(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  const Context* context = contextOf(env, given.values[0]);
  if (context == nullptr) return nullptr;
  napi_value result, isa, threads, reserved, capacity;
  napi_create_object(env, &result);
  napi_create_string_utf8(env, context->kernels->name, NAPI_AUTO_LENGTH, &isa);
  napi_create_int32(env, poolThreads(context->pool), &threads);
  napi_create_double(env, static_cast<double>(context->arena.size()), &reserved);
  napi_create_double(env, static_cast<double>(context->arena.capacity()), &capacity);
  napi_set_named_property(env, result, "isa", isa);
  napi_set_named_property(env, result, "threads", threads);
  napi_set_named_property(env, result, "reservedBytes", reserved);
  napi_set_named_property(env, result, "capacityBytes", capacity);
  return result;
}

napi_value run(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  const Context* context = contextOf(env, given.values[0]);
  int32_t code = -1;
  if (context == nullptr) return nullptr;
  if (!readInteger(env, given.values[1], code)) return fail(env, "NATIVE_ARGUMENTS", "run(handle, opCode)");
  const Refusal refusal = runOp(code, *context->kernels, context->pool, context->arena, context->slots);
  return refusal == nullptr ? nullptr : fail(env, refusal, explain(refusal));
}

/** What write and read share: a typed array on one side, a range of the arena on the other. */
struct Crossing {
  unsigned char* arena = nullptr;
  void* values = nullptr;
  size_t count = 0, valueBytes = 0;
  bool bf16 = false;

  /** False after throwing. */
  bool open(napi_env env, napi_callback_info info) {
    const Arguments<4> given(env, info);
    const Context* context = contextOf(env, given.values[0]);
    if (context == nullptr) return false;
    size_t offset = 0;
    napi_typedarray_type type;
    if (!given.complete || !readSize(env, given.values[1], offset) ||
        napi_get_typedarray_info(env, given.values[2], &type, &count, &values, nullptr, nullptr) != napi_ok ||
        napi_get_value_bool(env, given.values[3], &bf16) != napi_ok) {
      fail(env, "NATIVE_ARGUMENTS", "expected (handle, offset, values, bf16)");
      return false;
    }
    if (type == napi_float32_array || type == napi_int32_array) valueBytes = 4;
    else if (type == napi_uint8_array) valueBytes = 1;
    if (valueBytes == 0 || (bf16 && type != napi_float32_array)) {
      fail(env, "NATIVE_ARGUMENTS", "values must be a Float32Array, Int32Array or Uint8Array");
      return false;
    }
    const size_t bytes = count * (bf16 ? 2 : valueBytes), size = context->arena.size();
    if (bytes > size || offset > size - bytes || offset % (bf16 ? 2 : valueBytes) != 0) {
      fail(env, "NATIVE_RANGE", explain("NATIVE_RANGE"));
      return false;
    }
    arena = context->arena.base() + offset;
    return true;
  }
};

napi_value write(napi_env env, napi_callback_info info) {
  Crossing crossing;
  if (!crossing.open(env, info) || crossing.count == 0) return nullptr;
  if (crossing.bf16) {
    narrowValues(static_cast<const float*>(crossing.values), reinterpret_cast<uint16_t*>(crossing.arena), crossing.count);
  } else {
    memcpy(crossing.arena, crossing.values, crossing.count * crossing.valueBytes);
  }
  return nullptr;
}

napi_value read(napi_env env, napi_callback_info info) {
  Crossing crossing;
  if (!crossing.open(env, info) || crossing.count == 0) return nullptr;
  if (crossing.bf16) {
    widenValues(reinterpret_cast<const uint16_t*>(crossing.arena), static_cast<float*>(crossing.values), crossing.count);
  } else {
    memcpy(crossing.values, crossing.arena, crossing.count * crossing.valueBytes);
  }
  return nullptr;
}

/** An error of the operating system: code `SPILL_` + its name, for those that TypeScript tells apart. */
napi_value failBySystem(napi_env env, int error) {
  const char* code = error == ENOSPC || error == EDQUOT || error == EFBIG                        ? "SPILL_FULL"
                     : error == ENOENT || error == ENOTDIR || error == EACCES || error == EROFS ? "SPILL_DIRECTORY"
                                                                                                   : "SPILL_FAILED";
  return fail(env, code, strerror(error));
}

napi_value spillOpen(napi_env env, napi_callback_info info) {
  const Arguments<3> given(env, info);
  Context* context = contextOf(env, given.values[0]);
  if (context == nullptr) return nullptr;
  char directory[4096] = {};
  size_t length = 0, bytes = 0;
  if (!given.complete || !readSize(env, given.values[2], bytes) ||
      napi_get_value_string_utf8(env, given.values[1], directory, sizeof directory, &length) != napi_ok ||
      length + 1 >= sizeof directory) {
    return fail(env, "NATIVE_ARGUMENTS", "spillOpen(handle, directory, bytes)");
  }
  std::unique_ptr<SpillFile> file(new (std::nothrow) SpillFile);
  if (!file) return fail(env, "NATIVE_MEMORY", "out of memory");
  const int error = file->open(directory, bytes);
  if (error != 0) return failBySystem(env, error);
  context->spill = std::move(file);
  return nullptr;
}

napi_value spillClose(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  Context* context = contextOf(env, given.values[0]);
  if (context != nullptr) context->spill.reset();
  return nullptr;
}

/** The context with an open file; throws and gives null where there is none. */
Context* spillingContext(napi_env env, napi_value handle) {
  Context* context = contextOf(env, handle);
  if (context == nullptr || context->spill) return context;
  fail(env, "NATIVE_CLOSED", "this native engine has no file to move tensors to");
  return nullptr;
}

/** A transfer between a range of the arena and one of the file. */
napi_value spillTransfer(napi_env env, napi_callback_info info, bool write) {
  const Arguments<4> given(env, info);
  Context* context = spillingContext(env, given.values[0]);
  if (context == nullptr) return nullptr;
  size_t offset = 0, bytes = 0, at = 0;
  if (!given.complete || !readSize(env, given.values[1], offset) || !readSize(env, given.values[2], bytes) ||
      !readSize(env, given.values[3], at)) {
    return fail(env, "NATIVE_ARGUMENTS", "expected (handle, offset, bytes, at)");
  }
  const size_t size = context->arena.size(), room = context->spill->bytes();
  if (bytes > size || offset > size - bytes || bytes > room || at > room - bytes) {
    return fail(env, "NATIVE_RANGE", "a transfer lies outside the arena or the file");
  }
  const uint64_t number = context->spill->transfer(write, context->arena.base() + offset, bytes, at);
  if (number == 0) return fail(env, "NATIVE_MEMORY", "out of memory");
  napi_value result;
  napi_create_double(env, static_cast<double>(number), &result);
  return result;
}

napi_value spillWrite(napi_env env, napi_callback_info info) { return spillTransfer(env, info, true); }
napi_value spillRead(napi_env env, napi_callback_info info) { return spillTransfer(env, info, false); }

napi_value spillWait(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  Context* context = spillingContext(env, given.values[0]);
  size_t number = 0;
  if (context == nullptr) return nullptr;
  if (!given.complete || !readSize(env, given.values[1], number)) {
    return fail(env, "NATIVE_ARGUMENTS", "spillWait(handle, number)");
  }
  const int error = context->spill->wait(number);
  return error == 0 ? nullptr : failBySystem(env, error);
}

napi_value spillProbe(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  Context* context = spillingContext(env, given.values[0]);
  size_t bytes = 0;
  if (context == nullptr) return nullptr;
  if (!given.complete || !readSize(env, given.values[1], bytes)) {
    return fail(env, "NATIVE_ARGUMENTS", "spillProbe(handle, bytes)");
  }
  if (bytes > context->arena.size()) bytes = context->arena.size();
  if (bytes > context->spill->bytes()) bytes = context->spill->bytes();
  napi_value result;
  napi_create_double(env, context->spill->probe(context->arena.base(), bytes), &result);
  return result;
}

napi_value stream(napi_env env, napi_callback_info info) {
  const Arguments<5> given(env, info);
  const Context* context = contextOf(env, given.values[0]);
  if (context == nullptr) return nullptr;
  size_t bytes = 0, reads = 0, updates = 0, writes = 0;
  if (!given.complete || !readSize(env, given.values[1], bytes) || !readSize(env, given.values[2], reads) ||
      !readSize(env, given.values[3], updates) || !readSize(env, given.values[4], writes)) {
    return fail(env, "NATIVE_ARGUMENTS", "stream(handle, bytes, reads, updates, writes)");
  }
  constexpr size_t most = 16;
  if (reads > most || updates > most || writes > most || bytes % sizeof(float) != 0) {
    return fail(env, "NATIVE_ARGUMENTS", explain("NATIVE_ARGUMENTS"));
  }
  const size_t streams = reads + updates + writes;
  if (streams > 0 && bytes > context->arena.size() / streams) return fail(env, "NATIVE_RANGE", explain("NATIVE_RANGE"));
  StreamCall call{};
  call.start = reinterpret_cast<float*>(context->arena.base());
  call.count = static_cast<int64_t>(bytes / sizeof(float));
  call.reads = static_cast<int64_t>(reads), call.updates = static_cast<int64_t>(updates);
  call.writes = static_cast<int64_t>(writes);
  context->kernels->stream(context->pool, call);
  return nullptr;
}

napi_value lock(napi_env env, napi_callback_info info) {
  const Arguments<1> given(env, info);
  int32_t descriptor = -1;
  if (!given.complete || !readInteger(env, given.values[0], descriptor)) {
    return fail(env, "NATIVE_ARGUMENTS", "lock(descriptor)");
  }
  const bool taken = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  if (!taken && errno != EWOULDBLOCK) return fail(env, "LOCK_FAILED", strerror(errno));
  napi_value result;
  napi_get_boolean(env, taken, &result);
  return result;
}

napi_value peak(napi_env env, napi_callback_info info) {
  const Arguments<2> given(env, info);
  int32_t threads = 0;
  if (!given.complete || !readInteger(env, given.values[1], threads) || threads < 1) {
    return fail(env, "NATIVE_ARGUMENTS", "peak(isa, threads)");
  }
  const KernelTable* kernels = readTier(env, given.values[0]);
  if (kernels == nullptr) return fail(env, "NATIVE_ISA", "this machine does not support the instruction set");
  napi_value result, f32, bf16;
  napi_create_array_with_length(env, 2, &result);
  napi_create_double(env, sumOverThreads(threads, kernels->peak), &f32);
  napi_create_double(env, sumOverThreads(threads, bf16Peak), &bf16);
  napi_set_element(env, result, 0, f32);
  napi_set_element(env, result, 1, bf16);
  return result;
}

}  // namespace
}  // namespace compact

NAPI_MODULE_INIT() {
  using namespace compact;
  auto* contexts = new (std::nothrow) Contexts;
  if (contexts == nullptr) return nullptr;
  napi_set_instance_data(
      env, contexts, [](napi_env, void* data, void*) { delete static_cast<Contexts*>(data); }, nullptr);
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {{"tiers", tiers}, {"open", open},   {"close", close}, {"grow", grow}, {"info", describe},
                   {"run", run},     {"write", write}, {"read", read},   {"peak", peak},
                   {"spillOpen", spillOpen},   {"spillClose", spillClose}, {"spillProbe", spillProbe},
                   {"spillWrite", spillWrite}, {"spillRead", spillRead},   {"spillWait", spillWait},
                   {"stream", stream},         {"lock", lock}};
  for (const auto& entry : functions) {
    napi_value function;
    if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, nullptr, &function) != napi_ok) return nullptr;
    napi_set_named_property(env, exports, entry.name, function);
  }
  return exports;
}
