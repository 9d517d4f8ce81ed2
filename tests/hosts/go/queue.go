// Package hosts is a host that must not sleep in C: many goroutines share one completion queue whose eventfd lies in
// Go's netpoller, and one goroutine drains it in batches. It is as much of a client as the tests beside it need.
package hosts

/*
#cgo LDFLAGS: -lblobferry
#include <stdlib.h>
#include <blobferry.h>
*/
import "C"

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// Status is how a call or a request ended.
type Status int32

const (
	StatusClosed   Status = C.BLOBFERRY_E_CLOSED
	StatusNotFound Status = C.BLOBFERRY_E_NOT_FOUND

	statusOK        Status = C.BLOBFERRY_OK
	statusCancelled Status = C.BLOBFERRY_E_CANCELLED
)

// Error is a failure, copied out of the library.
type Error struct {
	Status         Status
	Message        string
	MaybeCommitted bool
	cause          error // of a request that its context has cancelled
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s", C.GoString(C.blobferry_status_name(C.blobferry_status_t(e.Status))), e.Message)
}

func (e *Error) Unwrap() error { return e.cause }

// takeError copies an owned error and frees it.
func takeError(status C.blobferry_status_t, owned *C.blobferry_error_t) error {
	if Status(status) == statusOK {
		return nil
	}
	defer C.blobferry_error_free(owned)
	return &Error{
		Status:         Status(status),
		Message:        C.GoString(C.blobferry_error_message(owned)),
		MaybeCommitted: C.blobferry_error_is_maybe_committed(owned) == 1,
	}
}

// Service owns the threads of the library.
type Service struct{ handle *C.blobferry_service_t }

// NewService makes a service with the default options.
func NewService() (Service, error) {
	var service Service
	var failure *C.blobferry_error_t
	status := C.blobferry_service_new(nil, &service.handle, &failure)
	return service, takeError(status, failure)
}

// Free ends the service and its threads.
func (s Service) Free() { C.blobferry_service_free(s.handle) }

// Store is where objects are.
type Store struct{ handle *C.blobferry_store_t }

// OpenStore opens a store by its URL.
func (s Service) OpenStore(url string) (Store, error) {
	var store Store
	var failure *C.blobferry_error_t
	text := C.CString(url)
	defer C.free(unsafe.Pointer(text))
	status := C.blobferry_store_open(s.handle, text, nil, 0, &store.handle, &failure)
	return store, takeError(status, failure)
}

// Free closes the store.
func (s Store) Free() { C.blobferry_store_free(s.handle) }

// slot is one credit of the queue. The pinner keeps the buffer in place from the submit call until the completion was
// drained, since the library holds its address all that time.
type slot struct {
	pinner runtime.Pinner
	done   chan C.blobferry_completion_t
}

// Queue is a completion queue, its poller and one slot per credit; `user_data` is the index of a slot.
type Queue struct {
	handle  *C.blobferry_cq_t
	wake    *os.File
	slots   []slot
	free    chan int
	drained chan struct{}
	total   int
}

// NewQueue makes a queue and starts its poller.
func (s Service) NewQueue(capacity int) (*Queue, error) {
	q := &Queue{slots: make([]slot, capacity), free: make(chan int, capacity), drained: make(chan struct{})}
	var options C.blobferry_cq_options_t
	C.blobferry_cq_options_init(&options, C.sizeof_blobferry_cq_options_t)
	options.capacity = C.uint32_t(capacity)
	options.wake = C.BLOBFERRY_WAKE_FD
	var failure *C.blobferry_error_t
	if status := C.blobferry_cq_new(s.handle, &options, &q.handle, &failure); Status(status) != statusOK {
		return nil, takeError(status, failure)
	}
	for index := range q.slots {
		q.slots[index].done = make(chan C.blobferry_completion_t, 1)
		q.free <- index
	}
	if err := q.openWake(); err != nil {
		C.blobferry_cq_free(q.handle)
		return nil, err
	}
	go q.poll()
	return q, nil
}

// openWake gives the netpoller a duplicate of the eventfd: an os.File closes what it owns, and so does the queue.
func (q *Queue) openWake() error {
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(C.blobferry_cq_fd(q.handle)), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return errno
	}
	q.wake = os.NewFile(fd, "completion queue")
	// Only a descriptor in the netpoller takes a deadline; any other would hold an OS thread in each read.
	return q.wake.SetReadDeadline(time.Time{})
}

// poll drains what is there, arms, and sleeps only when armed, so no wake is lost. It ends with the closed queue.
func (q *Queue) poll() {
	defer close(q.drained)
	batch, counter := make([]C.blobferry_completion_t, 256), make([]byte, 8)
	for {
		var count C.size_t
		var failure *C.blobferry_error_t
		status := C.blobferry_cq_drain(q.handle, &batch[0], C.size_t(len(batch)), &count, &failure)
		if Status(status) == StatusClosed {
			C.blobferry_error_free(failure)
			return
		}
		if err := takeError(status, failure); err != nil {
			panic(err)
		}
		for _, completion := range batch[:count] {
			q.deliver(completion)
		}
		q.total += int(count)
		if count > 0 {
			continue
		}
		var armed C.int
		status = C.blobferry_cq_arm(q.handle, &armed, &failure)
		if err := takeError(status, failure); err != nil {
			panic(err)
		}
		if armed == 1 {
			if _, err := q.wake.Read(counter); err != nil {
				panic(err)
			}
		}
	}
}

func (q *Queue) deliver(completion C.blobferry_completion_t) {
	select {
	case q.slots[completion.user_data].done <- completion:
	default:
		panic(fmt.Sprintf("slot %d has completed twice", completion.user_data))
	}
}

// submitter queues one request; its outputs are the ticket and, where it is refused, the error.
type submitter func(C.uint64_t, *C.blobferry_ticket_t, **C.blobferry_error_t) C.blobferry_status_t

// request submits and parks the goroutine until the completion. A context that ends asks the request to end too, but
// the wait goes on: only the completion gives the buffer back.
func (q *Queue) request(ctx context.Context, buffer []byte, submit submitter) (int, error) {
	index := <-q.free
	defer func() { q.free <- index }()
	slot := &q.slots[index]
	if len(buffer) > 0 {
		slot.pinner.Pin(unsafe.SliceData(buffer))
	}
	defer slot.pinner.Unpin()

	var ticket C.blobferry_ticket_t
	var failure *C.blobferry_error_t
	if status := submit(C.uint64_t(index), &ticket, &failure); Status(status) != statusOK {
		return 0, takeError(status, failure)
	}
	asked := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(asked)
		C.blobferry_cq_cancel(q.handle, ticket, nil)
	})
	completion := <-slot.done
	if !stop() {
		<-asked // it runs or has run: the queue must outlive it
	}
	err := takeError(completion.status, completion.error)
	if Status(completion.status) == statusCancelled {
		err.(*Error).cause = context.Cause(ctx)
	}
	return int(completion.result), err
}

// Put writes an object.
func (q *Queue) Put(ctx context.Context, store Store, key string, bytes []byte) error {
	name := C.CString(key)
	defer C.free(unsafe.Pointer(name))
	_, err := q.request(ctx, bytes, func(userData C.uint64_t, ticket *C.blobferry_ticket_t,
		failure **C.blobferry_error_t) C.blobferry_status_t {
		return C.blobferry_object_put(store.handle, q.handle, name, (*C.uint8_t)(unsafe.SliceData(bytes)),
			C.size_t(len(bytes)), nil, userData, ticket, failure)
	})
	return err
}

// Get reads an object into the buffer and gives its size.
func (q *Queue) Get(ctx context.Context, store Store, key string, buffer []byte) (int, error) {
	name := C.CString(key)
	defer C.free(unsafe.Pointer(name))
	return q.request(ctx, buffer, func(userData C.uint64_t, ticket *C.blobferry_ticket_t,
		failure **C.blobferry_error_t) C.blobferry_status_t {
		return C.blobferry_object_get(store.handle, q.handle, name, (*C.uint8_t)(unsafe.SliceData(buffer)),
			C.size_t(len(buffer)), nil, userData, ticket, failure)
	})
}

// Close refuses new requests and cancels the running ones; each of them still completes.
func (q *Queue) Close() { C.blobferry_cq_close(q.handle, nil) }

// Free waits for the end of a closed queue and frees it. It gives the number of completions that it brought.
func (q *Queue) Free() int {
	<-q.drained
	for C.blobferry_cq_is_drained(q.handle) == 0 {
		time.Sleep(time.Millisecond)
	}
	q.wake.Close()
	C.blobferry_cq_free(q.handle)
	return q.total
}

// LiveCounts is what the library holds in this process: handles, leases, requests, credits, threads.
func LiveCounts() [5]uint64 {
	counts := C.blobferry_live_counts_t{struct_size: C.sizeof_blobferry_live_counts_t}
	if status := C.blobferry_live_counts(&counts); Status(status) != statusOK {
		panic(takeError(status, nil))
	}
	return [5]uint64{uint64(counts.handles), uint64(counts.leases), uint64(counts.requests), uint64(counts.credits),
		uint64(counts.threads)}
}
