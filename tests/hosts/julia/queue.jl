# A host with an event loop of its own: many tasks share one queue whose wake is libuv's uv_async_send on an
# AsyncCondition, so that no Julia code ever runs on a thread of the library.
const LIBRARY = abspath(ARGS[1])
const PUT, GET = cglobal((:blobferry_object_put, LIBRARY)), cglobal((:blobferry_object_get, LIBRARY))
const OK, E_CLOSED, E_CANCELLED, E_NOT_FOUND, WAKE_FN = 0, -4, -6, -8, 2
const CAPACITY = 64

struct Completion
    ticket::UInt64; user_data::UInt64; status::Int32; flags::UInt32; result::UInt64
    error::Ptr{Cvoid}; details::Ptr{Cvoid}; buffer::Ptr{Cvoid}; table::Ptr{Cvoid}
end

struct QueueOptions
    struct_size::Csize_t; capacity::UInt32; wake::UInt32; wake_fn::Ptr{Cvoid}; wake_argument::Ptr{Cvoid}
    completion_fn::Ptr{Cvoid}; completion_argument::Ptr{Cvoid}; flags::UInt32; reserved::UInt32
end

# Roots a buffer from its submit to its completion: the collector does not see that the library has its address.
mutable struct Slot
    done::Condition; buffer::Vector{UInt8}; completion::Union{Nothing,Completion}
end

const slots = [Slot(Condition(), UInt8[], nothing) for _ in 1:CAPACITY]
const free_slots = Channel{Int}(CAPACITY)
foreach(number -> put!(free_slots, number), 1:CAPACITY)
const accepted = Ref(0)

function take_message(error)
    text = unsafe_string(@ccall LIBRARY.blobferry_error_message(error::Ptr{Cvoid})::Cstring)
    @ccall LIBRARY.blobferry_error_free(error::Ptr{Cvoid})::Cvoid
    text
end

function make(constructor)
    handle, failure = Ref(C_NULL), Ref(C_NULL)
    status = constructor(handle, failure)
    status == OK || error("status $status: $(take_message(failure[]))")
    handle[]
end

open_service() = make() do out, failure
    @ccall LIBRARY.blobferry_service_new(C_NULL::Ptr{Cvoid}, out::Ref{Ptr{Cvoid}}, failure::Ref{Ptr{Cvoid}})::Int32
end

open_store(service, url) = make() do out, failure
    @ccall LIBRARY.blobferry_store_open(service::Ptr{Cvoid}, url::Cstring, C_NULL::Ptr{Cvoid}, 0::Csize_t,
        out::Ref{Ptr{Cvoid}}, failure::Ref{Ptr{Cvoid}})::Int32
end

function open_queue(service, condition)
    options = QueueOptions(sizeof(QueueOptions), CAPACITY, WAKE_FN, cglobal(:uv_async_send), condition.handle,
        C_NULL, C_NULL, 0, 0)
    make() do out, failure
        @ccall LIBRARY.blobferry_cq_new(service::Ptr{Cvoid}, options::Ref{QueueOptions}, out::Ref{Ptr{Cvoid}},
            failure::Ref{Ptr{Cvoid}})::Int32
    end
end

# Drains what is there, arms, and sleeps only when armed, so no wake is lost. Gives the number of completions.
function dispatch(queue, condition)
    batch, count, armed, total = Vector{Completion}(undef, 16), Ref{Csize_t}(0), Ref{Cint}(0), 0
    while true
        status = @ccall LIBRARY.blobferry_cq_drain(queue::Ptr{Cvoid}, batch::Ptr{Completion}, length(batch)::Csize_t,
            count::Ref{Csize_t}, C_NULL::Ptr{Cvoid})::Int32
        status == E_CLOSED && return total
        status == OK || error("drain: status $status")
        for completion in batch[1:count[]]
            slot = slots[completion.user_data]
            slot.completion === nothing || error("slot $(completion.user_data) has completed twice")
            slot.completion = completion
            notify(slot.done)
        end
        total += count[]
        count[] > 0 && continue
        status = @ccall LIBRARY.blobferry_cq_arm(queue::Ptr{Cvoid}, armed::Ref{Cint}, C_NULL::Ptr{Cvoid})::Int32
        status == OK || error("arm: status $status")
        armed[] == 1 && wait(condition)
    end
end

# Submits a PUT or a GET and sleeps until it is done; gives (status, result, message). A task that is interrupted
# cancels the request and still waits for its completion, because the buffer is lent until then.
function request(verb, queue, store, key, buffer)
    number = take!(free_slots)
    slot = slots[number]
    slot.buffer, slot.completion = buffer, nothing
    ticket, failure, interruption = Ref{UInt64}(0), Ref(C_NULL), nothing
    status = @ccall $verb(store::Ptr{Cvoid}, queue::Ptr{Cvoid}, key::Cstring, buffer::Ptr{UInt8},
        length(buffer)::Csize_t, C_NULL::Ptr{Cvoid}, number::UInt64, ticket::Ref{UInt64},
        failure::Ref{Ptr{Cvoid}})::Int32
    if status != OK
        put!(free_slots, number)
        return status, 0, take_message(failure[])
    end
    accepted[] += 1
    while slot.completion === nothing
        try
            wait(slot.done)
        catch thrown
            interruption = thrown
            @ccall LIBRARY.blobferry_cq_cancel(queue::Ptr{Cvoid}, ticket[]::UInt64, C_NULL::Ptr{Cvoid})::Int32
        end
    end
    completion, slot.buffer = slot.completion, UInt8[]
    put!(free_slots, number)
    message = take_message(completion.error)
    interruption === nothing ? (completion.status, completion.result, message) : throw(interruption)
end
