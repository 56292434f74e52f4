using Microsoft.Extensions.Logging;

namespace Containerd.Execution;

internal static partial class Log
{
    [LoggerMessage(4001, LogLevel.Debug, "Container {Container} made in {Bundle}.")]
    public static partial void Created(ILogger logger, string container, string bundle);

    [LoggerMessage(4002, LogLevel.Debug, "Container {Container} started{How}.")]
    public static partial void Started(ILogger logger, string container, string how);

    [LoggerMessage(4003, LogLevel.Debug, "Container {Container} ended with {Code}.")]
    public static partial void Exited(ILogger logger, string container, int? code);

    [LoggerMessage(4004, LogLevel.Debug, "Container {Container} deleted.")]
    public static partial void Deleted(ILogger logger, string container);

    [LoggerMessage(4005, LogLevel.Warning, "How the process of container {Container} ended is unknown: it is not this process's child, and the kernel (Linux 6.15 or later is needed) or its parent does not tell. ContainerHostOptions.Subreaper or Container.RunAsync would.")]
    public static partial void ExitCodeUnknown(ILogger logger, string container);

    [LoggerMessage(4006, LogLevel.Warning, "{Count} processes of container {Container} had outlived it and were killed.")]
    public static partial void KilledLeftovers(ILogger logger, string container, int count);

    [LoggerMessage(4007, LogLevel.Error, "Container {Container} could not be removed when it was disposed; ContainerHost.CleanupAsync will try again.")]
    public static partial void NotRemoved(ILogger logger, Exception exception, string container);

    [LoggerMessage(4008, LogLevel.Information, "Container {Container} removed: the process that owned it is gone.")]
    public static partial void RemovedLeftover(ILogger logger, string container);

    [LoggerMessage(4009, LogLevel.Warning, "Container {Container} is left alone: it belongs to runtime {Runtime}.")]
    public static partial void ForeignRuntime(ILogger logger, string container, string runtime);

    [LoggerMessage(4010, LogLevel.Error, "What is left of container {Container} could not be removed; the others are nevertheless.")]
    public static partial void LeftoverNotRemoved(ILogger logger, Exception exception, string container);

    [LoggerMessage(4011, LogLevel.Warning, "The state of container {Container} cannot be read.")]
    public static partial void StateUnreadable(ILogger logger, Exception exception, string container);
}
