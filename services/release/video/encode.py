"""Frames and a master become an MP4 file: H.264 High and AAC-LC, the same bytes each time on one machine."""

from pathlib import Path

from services.release.video.sound import FPS

AUDIO_KBITS = 256
_GOP = 2 * FPS
_THREADS = 2
"""Fixed: the number of threads changes the bytes."""
_RATES = (44_100, 48_000)

_X264 = (
    # The ultrafast preset with what costs least for its bits put back: for these pictures, closer to the
    # original than superfast at two thirds of its size, in half of its time.
    "-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-level:v", "4.1",
    "-x264-params", "cabac=1:8x8dct=1:bframes=3:b-adapt=0",
    "-crf", "19", "-maxrate", "10M", "-bufsize", "20M",
    "-g", str(_GOP), "-keyint_min", str(_GOP), "-sc_threshold", "0", "-flags:v", "+cgop+bitexact",
    "-threads:v", str(_THREADS), "-pix_fmt", "yuv420p",
)  # fmt: skip
_COLOUR = ("-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")


def arguments(width: int, height: int, master: Path, sample_rate: int) -> list[str]:
    """For an ffmpeg that reads raw yuv420p frames and writes the MP4 file named after these."""
    rate = sample_rate if sample_rate in _RATES else 48_000
    return [
        "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-framerate", str(FPS),
        *_COLOUR, "-i", "pipe:0",
        "-i", str(master),
        "-map", "0:v:0", "-map", "1:a:0", "-map_metadata", "-1", "-map_chapters", "-1",
        "-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709",
        *_X264, *_COLOUR,
        # x264 writes its own settings into the stream; they are nobody's business.
        "-bsf:v", "filter_units=remove_types=6",
        "-c:a", "aac", "-profile:a", "aac_low", "-b:a", f"{AUDIO_KBITS}k", "-ar", str(rate), "-ac", "2",
        "-flags:a", "+bitexact",
        "-fflags", "+bitexact", "-movie_timescale", str(rate), "-video_track_timescale", str(1000 * FPS),
        "-movflags", "+faststart", "-f", "mp4",
    ]  # fmt: skip
