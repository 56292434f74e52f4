using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

internal static partial class LayerApplierLog
{
    [LoggerMessage(3101, LogLevel.Warning, "Left out the extended attribute {Attribute} of {Entry}: layers may not set it. Further ones of this layer are not reported.")]
    public static partial void AttributeRefused(ILogger logger, string attribute, string entry);

    [LoggerMessage(3102, LogLevel.Warning, "Left out the extended attribute {Attribute} of {Entry}: the file system has no such attributes. Further ones of this layer are not reported.")]
    public static partial void AttributeUnsupported(ILogger logger, string attribute, string entry);

    [LoggerMessage(3103, LogLevel.Warning, "Left out the device {Entry}: a user namespace cannot make devices. Further ones of this layer are not reported.")]
    public static partial void DeviceSkipped(ILogger logger, string entry);

    [LoggerMessage(3105, LogLevel.Warning, "Left out an ACL of {Entry}: it names users or groups without their numbers. Further ones of this layer are not reported.")]
    public static partial void AclWithoutNumbers(ILogger logger, string entry);

    [LoggerMessage(3104, LogLevel.Debug, "Applied layer {Digest}: {Entries} entries, {Bytes} bytes uncompressed, {DiffId}.")]
    public static partial void Applied(ILogger logger, string digest, long entries, long bytes, string diffId);
}
