using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Containerd.Images;

/// <summary>The package's activity source and meter, both named <c>Containerd.Images</c> (J1, J2).</summary>
internal static class ImagesTelemetry
{
    public const string Name = "Containerd.Images";

    public static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    public static readonly Counter<long> Pulls = Meter.CreateCounter<long>("containerd.images.pulls", "{pull}", "Pulls that ended, by registry and outcome.");

    public static readonly Histogram<double> PullDuration = Meter.CreateHistogram<double>("containerd.images.pull.duration", "s", "How long pulls took.");

    public static readonly Counter<long> FetchedBytes = Meter.CreateCounter<long>("containerd.images.fetched", "By", "Bytes that came from registries.");
}
