# What must hold for a host like that of queue.jl: every request completes once, bytes arrive as they were put, and
# memory comes back with the completion. Run: julia contract.jl LIBRARY
using Test
include("queue.jl")

const TASKS, ROUNDS = 200, 4

# Puts and gets random bytes; the buffer of the get is larger than the object, and its tail must stay as it was.
function exchange(queue, store, key, size)
    bytes, read = rand(UInt8, size), fill(0xaa, size + 8)
    @test request(PUT, queue, store, key, bytes) == (OK, size, "")
    @test request(GET, queue, store, key, read) == (OK, size, "")
    @test read == [bytes; fill(0xaa, 8)]
end

# The interrupted task has its memory back: what it writes there afterwards never shows in the object.
function interrupt(queue, store)
    bytes = rand(UInt8, 32 << 20)
    original, read = copy(bytes), similar(bytes)
    task = @async request(PUT, queue, store, "interrupted", bytes)
    yield()
    schedule(task, InterruptException(), error = true)
    @test_throws TaskFailedException wait(task)
    fill!(bytes, 0x00)
    status = request(GET, queue, store, "interrupted", read)[1]
    @test status == E_NOT_FOUND || (status == OK && read == original)
    status == OK ? "written" : "not written"
end

function exercise(queue, store)
    @sync for number in 1:TASKS
        @async for round in 1:ROUNDS
            exchange(queue, store, "task/$number", (0, 1, 4096, 65537)[mod1(number + round, 4)])
            number % 40 == 0 && GC.gc()
        end
    end
    exchange(queue, store, "large", 20 << 20 + 1)
    status, _, message = request(GET, queue, store, "missing", zeros(UInt8, 1))
    @test status == E_NOT_FOUND && occursin("missing", message)
    println("  interrupted put: ", interrupt(queue, store))
end

# Closes the queue under running requests: each of them completes, then the condition may be closed.
function close_and_drain(queue, store, condition, dispatcher)
    running = [@async request(GET, queue, store, "large", Vector{UInt8}(undef, 20 << 20 + 1)) for _ in 1:8]
    yield()
    @test (@ccall LIBRARY.blobferry_cq_close(queue::Ptr{Cvoid}, C_NULL::Ptr{Cvoid})::Int32) == OK
    @test all(task -> fetch(task)[1] in (OK, E_CANCELLED), running)
    @test request(GET, queue, store, "large", UInt8[0])[1] == E_CLOSED
    @test fetch(dispatcher) == accepted[]
    while (@ccall LIBRARY.blobferry_cq_is_drained(queue::Ptr{Cvoid})::Cint) == 0
        sleep(0.001)
    end
    close(condition)
end

function main()
    @test sizeof(Completion) == 64
    condition, service = Base.AsyncCondition(), open_service()
    queue = open_queue(service, condition)
    dispatcher = @async try  # sticky: it stays on the thread of the event loop
        dispatch(queue, condition)
    catch thrown
        @error "the dispatcher failed" thrown
        exit(1)
    end
    stores = map(("memory://julia", "file://" * mktempdir())) do url
        println(url, ": ", TASKS, " tasks, ", 2 * TASKS * ROUNDS, " requests")
        store = open_store(service, url)
        exercise(queue, store)
        store
    end
    close_and_drain(queue, last(stores), condition, dispatcher)
    @ccall LIBRARY.blobferry_cq_free(queue::Ptr{Cvoid})::Cvoid
    foreach(store -> (@ccall LIBRARY.blobferry_store_free(store::Ptr{Cvoid})::Cvoid), stores)
    @ccall LIBRARY.blobferry_service_free(service::Ptr{Cvoid})::Cvoid
    live = UInt64[6 * sizeof(UInt64), 1, 1, 1, 1, 1]  # its size, then five counts to be overwritten
    @test (@ccall LIBRARY.blobferry_live_counts(live::Ptr{UInt64})::Int32) == OK
    @test live[2:end] == zeros(5)
    println("julia ", VERSION, ": ", accepted[], " requests, one completion each; nothing is left alive")
end

main()
