-- A flight with the weather of its hour of departure and the plane that is planned for it.
-- Weather joins on the hour in UTC: the local hour stands twice when clocks go back.
SELECT
  f.*,
  w.temp,
  w.dewp,
  w.humid,
  w.wind_dir,
  w.wind_speed,
  w.precip,
  w.pressure,
  w.visib,
  p.year AS plane_year,
  p.type AS plane_type,
  p.seats
FROM flights AS f
LEFT JOIN weather AS w ON f.origin = w.origin AND f.time_hour = w.time_hour
LEFT JOIN planes AS p ON f.tailnum = p.tailnum
