using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Execution;

/// <summary>Both sides of a process's standard streams: the files it gets, and the streams that this side has.</summary>
internal sealed class ProcessStreams : IDisposable
{
    private readonly List<SafeFileHandle> _childEnds = [];

    private ProcessStreams()
    {
    }

    /// <summary>What the process gets.</summary>
    public RuntimeStdio ChildEnds { get; private set; } = new();

    public Stream? Input { get; private set; }

    public Stream? Output { get; private set; }

    public Stream? Error { get; private set; }

    /// <summary>Opens everything.</summary>
    /// <param name="stdio">Where the streams lead.</param>
    /// <param name="user">Who the process runs as: it must be able to open /dev/stdout again.</param>
    public static ProcessStreams Open(ContainerStdio stdio, SpecUser user)
    {
        var streams = new ProcessStreams();
        try
        {
            streams.ChildEnds = new RuntimeStdio
            {
                Input = streams.OpenInput(stdio.Input, user),
                Output = streams.OpenOutput(stdio.Output, 1, user, stream => streams.Output = stream),
                Error = streams.OpenOutput(stdio.Error, 2, user, stream => streams.Error = stream),
            };
            return streams;
        }
        catch
        {
            streams.Dispose();
            throw;
        }
    }

    /// <summary>Closes what the process got: from then on its end of each pipe is the only one, so that its end is the pipe's end.</summary>
    public void CloseChildEnds()
    {
        foreach (SafeFileHandle end in _childEnds)
            end.Dispose();
    }

    public void Dispose()
    {
        CloseChildEnds();
        Input?.Dispose();
        Output?.Dispose();
        Error?.Dispose();
    }

    private SafeFileHandle? OpenInput(StdioStream stream, SpecUser user)
    {
        if (stream.Kind == StdioKind.Null)
            return null;
        if (stream.Kind == StdioKind.Inherit)
            return Interop.StandardStream(0);
        (SafeFileHandle read, SafeFileHandle write) = Interop.CreatePipe();
        Input = Stream(write, PipeDirection.Out);
        return Keep(read, user);
    }

    private SafeFileHandle? OpenOutput(StdioStream stream, int number, SpecUser user, Action<Stream> ours)
    {
        switch (stream.Kind)
        {
            case StdioKind.Null:
                return null;
            case StdioKind.Inherit:
                return Interop.StandardStream(number);
            case StdioKind.File:
                SafeFileHandle file = Interop.OpenAppend(stream.Path!);
                _childEnds.Add(file);
                return file;
            default:
                (SafeFileHandle read, SafeFileHandle write) = Interop.CreatePipe();
                ours(Stream(read, PipeDirection.In));
                return Keep(write, user);
        }
    }

    private SafeFileHandle Keep(SafeFileHandle end, SpecUser user)
    {
        _childEnds.Add(end);
        if (user.Uid != 0 || user.Gid != 0)
            Interop.ChangeOwner(end, user.Uid, user.Gid);
        return end;
    }

    // The two ends of a pipe are two open files: .NET's O_NONBLOCK on this one is not the container's.
    private static AnonymousPipeClientStream Stream(SafeFileHandle end, PipeDirection direction)
    {
        var pipe = new SafePipeHandle(end.DangerousGetHandle(), ownsHandle: true);
        end.SetHandleAsInvalid();
        return new AnonymousPipeClientStream(direction, pipe);
    }
}
