-- Moves dead letters to queues: each that is still there, and only those.
--
-- KEYS: dead-letter list, then one list per letter
-- ARGV: per letter: the element, the payload
-- Answers per letter 1 (moved) or 0 (not there).
local moved = {}
for letter = 1, #KEYS - 1 do
  local element, payload = ARGV[2 * letter - 1], ARGV[2 * letter]
  moved[letter] = 0
  -- The oldest lie at the end.
  if redis.call('LPOS', KEYS[1], element, 'RANK', -1) then
    redis.call('LPUSH', KEYS[letter + 1], payload)
    redis.call('LREM', KEYS[1], -1, element)
    moved[letter] = 1
  end
end
return moved
