-- ARGV: prefix, task id. Returns what the task's calls cost, those of dead owners included.
reservedNow()
local spent = field(ARGV[2], 'spentMicroUsd')
return spent == '' and '0' or spent
