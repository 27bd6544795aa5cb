-- Reasons that an earlier version stored with a date or a distance of failure. Such dates did not hold, so that no page
-- shows one any more; what has become of the evidence and of the case is not touched.
with said (pattern, because) as (
    values
        ('At the present loss it is at 80 \% of the placard in %',
         '{"zh-CN": "轮胎漏气,胎压接近下限", "en": "The tyre leaks, and its pressure is near its limit"}'::jsonb),
        ('By its trend it is below 500 ohm/V in %',
         '{"zh-CN": "绝缘电阻持续下降", "en": "The insulation keeps falling"}'::jsonb),
        ('At the present wear they are at their limit in about %',
         '{"zh-CN": "按磨损趋势,刹车片接近极限", "en": "Going by their wear, the pads are nearing their limit"}'::jsonb)
), findings as (
    update finding set opened_because = said.because from said where finding.opened_because ->> 'en' like said.pattern
)
update case_change set because = said.because::text from said where case_change.because like said.pattern;
