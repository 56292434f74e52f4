using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

internal static partial class LayerDifferLog
{
    [LoggerMessage(3151, LogLevel.Warning, "Left out {Entry}: a socket cannot be in a layer. Further ones of this layer are not reported.")]
    public static partial void SocketLeftOut(ILogger logger, string entry);

    [LoggerMessage(3152, LogLevel.Debug, "Wrote layer {Digest}: {Entries} entries, {Bytes} bytes uncompressed, {DiffId}.")]
    public static partial void Written(ILogger logger, string digest, long entries, long bytes, string diffId);
}
