using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

internal static partial class FileTreeCopierLog
{
    [LoggerMessage(3401, LogLevel.Warning, "Left out the extended attribute {Attribute} of {Path}: the file system has no such attributes. Further ones of this copy are not reported.")]
    public static partial void AttributeLeftOut(ILogger logger, string attribute, string path);

    [LoggerMessage(3402, LogLevel.Debug, "Copied {Source} to {Destination}: {Entries} entries, {Bytes} bytes.")]
    public static partial void Copied(ILogger logger, string source, string destination, long entries, long bytes);
}
