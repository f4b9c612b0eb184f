/**
 * @module engine/native
 * The engine for training: C++ kernels behind the op contract.
 */
export { addonPath, type Isa, isaNames } from './addon.js';
export { lockDescriptor } from './lock-descriptor.js';
export { createNativeEngine, type NativeOptions } from './native-engine.js';
export { measurePeak, type Peak } from './peak.js';
export { type HugePageMode, hugePageBytes, hugePageMode, type NativeStatus, nativeStatus } from './status.js';
