"""The units that Grafana knows, by their ids.

Source: Grafana's value formats (packages/grafana-data, valueFormats/categories), as dashboard-linter lists them.
"""

_BY_CATEGORY = {
    "misc": (
        "none string short percent percentunit humidity dB hex0x hex sci locale pixel bool bool_yes_no bool_on_off"
    ),
    "acceleration and angle": "accMS2 accFS2 accG degree radian grad arcmin arcsec",
    "area and volume": "areaM2 areaF2 areaMI2 mlitre litre m3 Nm3 dm3 gallons",
    "computation": "flops mflops gflops tflops pflops eflops zflops yflops",
    "concentration": "ppm conppb conngm3 conngNm3 conμgm3 conμgNm3 conmgm3 conmgNm3 congm3 congNm3 conmgdL conmmolL",
    "currency": (
        "currencyUSD currencyGBP currencyEUR currencyJPY currencyRUB currencyUAH currencyBRL currencyDKK "
        "currencyISK currencyNOK currencySEK currencyCZK currencyCHF currencyPLN currencyBTC currencymBTC "
        "currencyμBTC currencyZAR currencyINR currencyKRW currencyIDR currencyPHP currencyVND"
    ),
    "data": (
        "bytes decbytes bits decbits kbytes deckbytes mbytes decmbytes gbytes decgbytes tbytes dectbytes "
        "pbytes decpbytes"
    ),
    "data rate": (
        "pps binBps Bps binbps bps KiBs Kibits KBs Kbits MiBs Mibits MBs Mbits GiBs Gibits GBs Gbits TiBs "
        "Tibits TBs Tbits PiBs Pibits PBs Pbits"
    ),
    "date": (
        "dateTimeAsIso dateTimeAsIsoNoDateIfToday dateTimeAsUS dateTimeAsUSNoDateIfToday dateTimeAsLocal "
        "dateTimeAsLocalNoDateIfToday dateTimeAsSystem dateTimeFromNow"
    ),
    "energy": (
        "watt kwatt megwatt gwatt mwatt Wm2 voltamp kvoltamp voltampreact kvoltampreact watth watthperkg "
        "kwatth kwattm amph kamph mamph joule ev amp kamp mamp volt kvolt mvolt dBm ohm kohm Mohm farad "
        "µfarad nfarad pfarad ffarad henry mhenry µhenry lumens"
    ),
    "flow and force": "flowgpm flowcms flowcfs flowcfm litreh flowlpm flowmlpm lux forceNm forcekNm forceN forcekN",
    "hash rate": "Hs KHs MHs GHs THs PHs EHs",
    "mass and length": "massmg massg masslb masskg masst lengthmm lengthin lengthft lengthm lengthkm lengthmi",
    "pressure": "pressurembar pressurebar pressurekbar pressurepa pressurehpa pressurekpa pressurehg pressurepsi",
    "radiation": "radbq radci radgy radrad radsv radmsv radusv radrem radexpckg radr radsvh radmsvh radusvh",
    "rotation and velocity": "rotrpm rothz rotrads rotdegs velocityms velocitykmh velocitymph velocityknot",
    "temperature": "celsius fahrenheit kelvin",
    "time": "hertz ns µs ms s m h d dtdurationms dtdurations dthms dtdhms timeticks clockms clocks",
    "throughput": "cps ops reqps rps wps iops cpm opm rpm wpm",
}

UNITS = frozenset(unit for units in _BY_CATEGORY.values() for unit in units.split())
