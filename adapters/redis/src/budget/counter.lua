-- One operation on the counter of one account in one window.
--
-- KEYS[1]  the counter, a hash:
--            window, used, reserved   what operators look at
--            open:{id}                tokens set aside under a reservation
--            done:{id}                what was set aside under one that is settled
--            slot:{n}                 the ids of the last settled ones, round and round
--            settled                  how many were settled
--            epoch                    when somebody first missed the counter
-- ARGV     operation, id, amount, least, limit, epoch, window, used, then id and amount of each
--          reservation that the ledger has open
--
-- Answers the tokens that are granted, -1 where there is no room, 0 where they do not matter; or the
-- epoch, as a string, if the counter is missing. Then the caller reads the ledger and asks again with
-- that epoch and what it read. A counter that was dropped meanwhile has another epoch: what was read
-- before that may be too old, and is read again.
local KNOWN = 128
local BUILDING, KEPT = 10, 172800

local counter = KEYS[1]
local operation, id, amount, epoch = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[6]

local have = redis.call('HMGET', counter, 'used', 'reserved', 'open:' .. id, 'done:' .. id, 'epoch')
local used, reserved = tonumber(have[1] or 0), tonumber(have[2] or 0)
local open, done = have[3], have[4]

if not have[1] then
    if not have[5] then
        local now = redis.call('TIME')
        have[5] = now[1] .. '.' .. now[2]
        redis.call('HSET', counter, 'epoch', have[5])
        redis.call('EXPIRE', counter, BUILDING)
    end
    if have[5] ~= epoch then
        return have[5]
    end
    used, reserved = tonumber(ARGV[8]), 0
    for at = 9, #ARGV, 2 do
        redis.call('HSET', counter, 'open:' .. ARGV[at], ARGV[at + 1])
        reserved = reserved + tonumber(ARGV[at + 1])
        if ARGV[at] == id then
            open = ARGV[at + 1]
        end
    end
    redis.call('HSET', counter, 'window', ARGV[7], 'used', used, 'reserved', reserved)
    redis.call('EXPIRE', counter, KEPT)
end

if operation == 'reserve' then
    if open or done then
        return tonumber(open or done)
    end
    if ARGV[5] ~= '' then
        local room = math.max(tonumber(ARGV[5]) - used - reserved, 0)
        amount = math.min(amount, room)
        if amount < tonumber(ARGV[4]) or amount == 0 then
            return -1
        end
    end
    redis.call('HSET', counter, 'open:' .. id, amount, 'reserved', reserved + amount)
    return amount
end

if operation == 'settle' and open then
    local slot = 'slot:' .. redis.call('HINCRBY', counter, 'settled', 1) % KNOWN
    local oldest = redis.call('HGET', counter, slot)
    if oldest then
        redis.call('HDEL', counter, 'done:' .. oldest)
    end
    redis.call('HDEL', counter, 'open:' .. id)
    redis.call('HSET', counter, 'done:' .. id, open, slot, id,
        'used', used + amount, 'reserved', reserved - tonumber(open))
end
return 0
