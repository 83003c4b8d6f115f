-- The time of day as RQ writes dates, of what TIME has answered: for calls that were sent long before they are carried out.
local function date_of(time)
  local days, second = math.floor(time[1] / 86400), time[1] % 86400
  -- Years that begin with March, so that the leap day is the last of one; 400 of them always have as many days.
  local since = days + 719468
  local cycle = math.floor(since / 146097)
  local day = since % 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  local rest = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * rest + 2) / 153)
  local date = rest - math.floor((153 * month + 2) / 5) + 1
  year = year + 400 * cycle + (month < 10 and 0 or 1)
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%06dZ', year, month < 10 and month + 3 or month - 9, date,
    math.floor(second / 3600), math.floor(second % 3600 / 60), second % 60, time[2])
end
