// A C library over github.com/emmansun/gmsm: SM2 over SM3, signatures for whole batches at once.
//
// Layouts: a public key is 65 bytes (04, x, y), a private key 32, a signature ASN.1 DER, a
// ciphertext the ASN.1 DER of GM/T 0009.
// Items of varying length lie one after the other; n+1 offsets bound them.
package main

/*
#include <stdint.h>
*/
import "C"

import (
	"crypto/ecdsa"
	"crypto/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/emmansun/gmsm/sm2"
)

const keySize = 65

// Keys recur in a batch (one matcher signs hundreds), so a parsed key is kept.
var (
	keys     sync.Map
	keyCount atomic.Int64
)

const keysMax = 100_000

func parseKey(raw []byte) *ecdsa.PublicKey {
	var name [keySize]byte
	copy(name[:], raw)
	if known, ok := keys.Load(name); ok {
		return known.(*ecdsa.PublicKey)
	}
	key, err := sm2.NewPublicKey(name[:])
	if err != nil {
		return nil
	}
	if keyCount.Load() < keysMax {
		if _, loaded := keys.LoadOrStore(name, key); !loaded {
			keyCount.Add(1)
		}
	}
	return key
}

func span(data []byte, offsets []uint32, i int) []byte {
	return data[offsets[i]:offsets[i+1]]
}

//export ufmi_sm2_verify
func ufmi_sm2_verify(n C.int, pubs, messages *C.uint8_t, messageOffsets *C.uint32_t,
	signatures *C.uint8_t, signatureOffsets *C.uint32_t, verdicts *C.uint8_t) {
	count := int(n)
	if count == 0 {
		return
	}
	messageAt := unsafe.Slice((*uint32)(unsafe.Pointer(messageOffsets)), count+1)
	signatureAt := unsafe.Slice((*uint32)(unsafe.Pointer(signatureOffsets)), count+1)
	pubData := unsafe.Slice((*byte)(unsafe.Pointer(pubs)), count*keySize)
	messageData := unsafe.Slice((*byte)(unsafe.Pointer(messages)), int(messageAt[count]))
	signatureData := unsafe.Slice((*byte)(unsafe.Pointer(signatures)), int(signatureAt[count]))
	out := unsafe.Slice((*byte)(unsafe.Pointer(verdicts)), count)

	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= count {
				return
			}
			out[i] = 0
			key := parseKey(pubData[i*keySize : (i+1)*keySize])
			if key != nil && sm2.VerifyASN1WithSM2(key, nil, span(messageData, messageAt, i),
				span(signatureData, signatureAt, i)) {
				out[i] = 1
			}
		}
	}
	workers := min(runtime.GOMAXPROCS(0), count)
	var done sync.WaitGroup
	for range workers - 1 {
		done.Add(1)
		go func() { defer done.Done(); work() }()
	}
	work()
	done.Wait()
}

// Writes at most 72 bytes to signature; returns their number, or 0 for a bad key.
//
//export ufmi_sm2_sign
func ufmi_sm2_sign(private, message *C.uint8_t, length C.int, signature *C.uint8_t) C.int {
	key, err := sm2.NewPrivateKey(unsafe.Slice((*byte)(unsafe.Pointer(private)), 32))
	if err != nil {
		return 0
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(message)), int(length))
	der, err := key.SignWithSM2(rand.Reader, nil, text)
	if err != nil {
		return 0
	}
	return C.int(copy(unsafe.Slice((*byte)(unsafe.Pointer(signature)), 72), der))
}

// Encrypts as GB/T 32918.4 has it. Writes at most room bytes; returns their number, or 0 if it fails.
//
//export ufmi_sm2_encrypt
func ufmi_sm2_encrypt(public, data *C.uint8_t, length C.int, out *C.uint8_t, room C.int) C.int {
	key, err := sm2.NewPublicKey(unsafe.Slice((*byte)(unsafe.Pointer(public)), keySize))
	if err != nil {
		return 0
	}
	made, err := sm2.EncryptASN1(rand.Reader, key,
		unsafe.Slice((*byte)(unsafe.Pointer(data)), int(length)))
	if err != nil || len(made) > int(room) {
		return 0
	}
	return C.int(copy(unsafe.Slice((*byte)(unsafe.Pointer(out)), int(room)), made))
}

// The way back. Returns 0 for a ciphertext that was changed or made for another key.
//
//export ufmi_sm2_decrypt
func ufmi_sm2_decrypt(private, der *C.uint8_t, length C.int, out *C.uint8_t, room C.int) C.int {
	key, err := sm2.NewPrivateKey(unsafe.Slice((*byte)(unsafe.Pointer(private)), 32))
	if err != nil {
		return 0
	}
	data, err := sm2.Decrypt(key, unsafe.Slice((*byte)(unsafe.Pointer(der)), int(length)))
	if err != nil || len(data) > int(room) {
		return 0
	}
	return C.int(copy(unsafe.Slice((*byte)(unsafe.Pointer(out)), int(room)), data))
}

func main() {}
