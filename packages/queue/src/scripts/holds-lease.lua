-- ARGV: prefix, task id, epoch. Returns 1 while the task's newest epoch is this one and its lease has not run out, else 0.
local id = ARGV[2]
return (field(id, 'epoch') == ARGV[3] and leaseHolds(id, nowMs())) and 1 or 0
