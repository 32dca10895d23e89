// RUN: ftc-opt %s -split-input-file -verify-diagnostics -ftc-verify-phase=phase=unknown
// A phase that is none.

// expected-error @below {{expected phase import, method, programs, differentiated, optimizer or fused, got 'unknown'}}
module {
}
