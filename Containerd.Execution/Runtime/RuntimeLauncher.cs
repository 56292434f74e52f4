namespace Containerd.Execution;

/// <summary>Starts the verbs that leave a process behind, which needs their standard streams to be real files and, at times, their thread to be elsewhere.</summary>
internal static class RuntimeLauncher
{
    /// <summary>Starts a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="options">Its streams, and what to do on the thread that starts it.</param>
    /// <param name="verb">For the exception.</param>
    public static Task<ChildProcess> StartAsync(RuntimeCommand command, RuntimeLaunchOptions options, string verb)
    {
        if (options.OnLaunchThread is not { } prepare)
            return Task.FromResult(Start(command, options.Stdio, verb));

        // Two threads. A thread that is made by another one starts in that one's namespaces, and completing a task may make a pool thread: the launch
        // thread therefore completes nothing, and the outer thread tells of its end.
        return Task.Factory.StartNew(
            () =>
            {
                ChildProcess? child = null;
                Exception? failure = null;
                var launch = new Thread(() =>
                {
                    try
                    {
                        prepare();
                        child = Start(command, options.Stdio, verb);
                    }
#pragma warning disable CA1031 // Whatever the caller's preparation throws crosses to the awaiting caller.
                    catch (Exception e)
#pragma warning restore CA1031
                    {
                        failure = e;
                    }
                })
                {
                    IsBackground = true,
                    Name = "containerd-launch",
                };
                launch.Start();
                launch.Join();
                if (failure is not null)
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
                return child!;
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
            TaskScheduler.Default);
    }

    private static ChildProcess Start(RuntimeCommand command, RuntimeStdio stdio, string verb)
    {
        try
        {
            return ChildProcess.Start(command, stdio);
        }
        catch (ContainerdException e)
        {
            throw new OciRuntimeException(e.Kind, $"The OCI runtime '{command.Program}' could not be started: {e.Message}", e)
            {
                Verb = verb,
                Subject = command.Program,
                Errno = e.Errno,
            };
        }
    }
}
