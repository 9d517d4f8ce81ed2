package hosts

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	capacity   = 256
	goroutines = 1000
	rounds     = 4
	mebibyte   = 1 << 20
)

// host is a service with one queue and one store, and counts what it was asked.
type host struct {
	*testing.T
	service  Service
	queue    *Queue
	store    Store
	accepted atomic.Int64
}

// onEachStore runs a test on every store, then checks that each request completed once and that nothing is left.
func onEachStore(t *testing.T, test func(h *host)) {
	for name, url := range map[string]string{"memory": "memory://go", "file": "file://" + t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			h := &host{T: t}
			var err error
			h.service, err = NewService()
			h.must(err)
			h.queue, err = h.service.NewQueue(capacity)
			h.must(err)
			h.store, err = h.service.OpenStore(url)
			h.must(err)
			test(h)
			h.queue.Close()
			if completed := int64(h.queue.Free()); completed != h.accepted.Load() || completed == 0 {
				t.Errorf("%d requests were accepted and %d completed", h.accepted.Load(), completed)
			}
			h.store.Free()
			h.service.Free()
			if live := LiveCounts(); live != [5]uint64{} {
				t.Errorf("handles, leases, requests, credits, threads left: %v", live)
			}
		})
	}
}

func (h *host) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *host) put(ctx context.Context, key string, content []byte) error {
	h.accepted.Add(1)
	return h.queue.Put(ctx, h.store, key, content)
}

func (h *host) get(ctx context.Context, key string, buffer []byte) (int, error) {
	h.accepted.Add(1)
	return h.queue.Get(ctx, h.store, key, buffer)
}

func randomBytes(size int) []byte {
	content := make([]byte, size)
	rand.Read(content)
	return content
}

// exchange puts and gets random bytes; the buffer of the get is larger, and its tail must stay as it was.
func (h *host) exchange(key string, size int) {
	content, tail := randomBytes(size), bytes.Repeat([]byte{0xaa}, 8)
	if err := h.put(context.Background(), key, content); err != nil {
		h.Errorf("put of %d bytes: %v", size, err)
		return
	}
	buffer := append(make([]byte, size), tail...)
	got, err := h.get(context.Background(), key, buffer)
	if err != nil || got != size {
		h.Errorf("get of %d bytes: %d bytes, %v", size, got, err)
	} else if !bytes.Equal(buffer[:size], content) || !bytes.Equal(buffer[size:], tail) {
		h.Errorf("get of %d bytes: the bytes differ", size)
	}
}

func statusOf(err error) Status {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Status
	}
	return statusOK
}

func isMaybeCommitted(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.MaybeCommitted
}

func TestManyGoroutinesPutAndGetTheirBytes(t *testing.T) {
	onEachStore(t, func(h *host) {
		sizes := []int{0, 1, 4096, 65537}
		var group sync.WaitGroup
		for number := range goroutines {
			group.Add(1)
			go func() {
				defer group.Done()
				for round := range rounds {
					h.exchange(fmt.Sprintf("goroutine/%d", number), sizes[(number+round)%len(sizes)])
				}
				if number%100 == 0 {
					runtime.GC()
				}
			}()
		}
		group.Wait()
		h.exchange("large", 20*mebibyte+1)
	})
}

func TestAFailureHasItsStatusAndMessage(t *testing.T) {
	onEachStore(t, func(h *host) {
		_, err := h.get(context.Background(), "missing", make([]byte, 1))
		if statusOf(err) != StatusNotFound || !strings.Contains(err.Error(), "missing") {
			t.Errorf("get of a missing key: %v", err)
		}
	})
}

// Each put is cancelled before it begins or while it runs. One that says so has written nothing, unless it says that it
// may have; any other has written all. What comes into the buffer after the return never shows in the object.
func TestACancelledContextEndsThePutAndGivesTheBufferBack(t *testing.T) {
	onEachStore(t, func(h *host) {
		cancelled := 0
		content, buffer := randomBytes(16*mebibyte), make([]byte, 16*mebibyte)
		for number := range 16 {
			ctx, cancel := context.WithCancel(context.Background())
			if number%2 == 0 {
				cancel()
			} else {
				go cancel()
			}
			key, lent := fmt.Sprintf("cancelled/%d", number), bytes.Clone(content)
			err := h.put(ctx, key, lent)
			clear(lent)
			_, missing := h.get(context.Background(), key, buffer)
			switch {
			case err == nil:
				if missing != nil || !bytes.Equal(buffer, content) {
					h.Errorf("put %d succeeded, and reading it back gives other bytes or %v", number, missing)
				}
			case errors.Is(err, context.Canceled):
				cancelled++
				if statusOf(missing) != StatusNotFound && !isMaybeCommitted(err) {
					h.Errorf("put %d was cancelled, and reading it back gives %v", number, missing)
				}
			default:
				h.Errorf("put %d: %v", number, err)
			}
			cancel()
		}
		if cancelled == 0 {
			h.Error("no put was cancelled")
		}
	})
}

func TestAClosedQueueCompletesEveryRequestOnce(t *testing.T) {
	onEachStore(t, func(h *host) {
		h.exchange("large", 4*mebibyte)
		var group sync.WaitGroup
		var refused atomic.Int64
		for range 64 {
			group.Add(1)
			go func() {
				defer group.Done()
				_, err := h.get(context.Background(), "large", make([]byte, 4*mebibyte))
				switch statusOf(err) {
				case StatusClosed:
					refused.Add(1)
				case statusOK, statusCancelled:
				default:
					h.Error(err)
				}
			}()
		}
		for h.accepted.Load() < 2+64 {
			runtime.Gosched()
		}
		h.queue.Close()
		group.Wait()
		_, err := h.get(context.Background(), "large", nil)
		if statusOf(err) != StatusClosed {
			h.Errorf("a closed queue accepts: %v", err)
		}
		h.accepted.Add(-refused.Load() - 1)
	})
}
