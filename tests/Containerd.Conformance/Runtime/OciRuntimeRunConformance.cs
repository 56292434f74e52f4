using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Conformance;

/// <summary>What even a runtime does that has only the foreground <c>run</c>; others subclass <see cref="OciRuntimeConformance"/>.</summary>
/// <remarks>The bundles hold a static busybox. Each test makes its own containers and deletes them. Needs root.</remarks>
[RequiresProgram("busybox")]
public abstract class OciRuntimeRunConformance
{
    /// <summary>How long a test waits for what must happen.</summary>
    protected static TimeSpan Patience { get; } = TimeSpan.FromSeconds(20);

    private readonly List<string> ids = [];
    private string stateRoot = "";
    private IOciRuntime? runtime;

    /// <summary>The runtime under test.</summary>
    protected IOciRuntime Runtime => runtime!;

    /// <summary>Makes the runtime.</summary>
    /// <param name="stateRoot">A directory of its own for its state, which is deleted after the test.</param>
    protected abstract IOciRuntime CreateRuntime(string stateRoot);

    /// <summary>Makes the runtime for a test.</summary>
    [SetUp]
    public void SetUp()
    {
        stateRoot = Directory.CreateTempSubdirectory("oci-state-").FullName;
        runtime = CreateRuntime(stateRoot);
    }

    /// <summary>Deletes what the test left.</summary>
    [TearDown]
    public async Task TearDown()
    {
        foreach (string id in ids)
            await Runtime.DeleteAsync(id, force: true);
        ids.Clear();
        Directory.Delete(stateRoot, recursive: true);
    }

    /// <summary>It says what it is.</summary>
    [Test]
    public async Task SaysWhatItIs()
    {
        RuntimeInfo info = await Runtime.GetInfoAsync();
        Assert.That(info.Name, Is.EqualTo(Runtime.Name));
        Assert.That(await Runtime.GetInfoAsync(), Is.SameAs(info));
    }

    /// <summary>A run gives the process's exit code.</summary>
    /// <param name="code">The code.</param>
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(7)]
    [TestCase(255)]
    public async Task RunGivesTheExitCode(int code)
    {
        using OciBundle bundle = OciBundle.Create("/bin/sh", "-c", $"exit {code}");
        Assert.That(await Runtime.RunAsync(NewId(), bundle.Path), Is.EqualTo(code));
    }

    /// <summary>A run of a process that a signal ended gives 128 and the signal's number.</summary>
    [Test]
    public async Task RunGivesTheSignal()
    {
        // As init of its namespace a process cannot signal itself: its child does not run as init.
        using OciBundle bundle = OciBundle.Create("/bin/sh", "-c", "sh -c 'kill -9 $$'; exit $?");
        Assert.That(await Runtime.RunAsync(NewId(), bundle.Path), Is.EqualTo(137));
    }

    /// <summary>A container that has run is gone.</summary>
    [Test]
    public async Task RunLeavesNothing()
    {
        using OciBundle bundle = OciBundle.Create("/bin/true");
        string id = NewId();
        await Runtime.RunAsync(id, bundle.Path);
        Assert.That(await Runtime.ListAsync(), Is.Empty);
    }

    /// <summary>The output reaches the file that was given, to the last byte.</summary>
    [Test]
    public async Task RunPassesTheStreams()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sh", "-c", "cat; echo error >&2; echo done");
        string input = Path.Join(bundle.Path, "in"), output = Path.Join(bundle.Path, "out"), error = Path.Join(bundle.Path, "err");
        await File.WriteAllTextAsync(input, "input\n");
        using (SafeFileHandle i = File.OpenHandle(input), o = Write(output), e = Write(error))
            await Runtime.RunAsync(NewId(), bundle.Path, new RuntimeLaunchOptions { Stdio = new RuntimeStdio { Input = i, Output = o, Error = e } });
        Assert.That(await File.ReadAllTextAsync(output), Is.EqualTo("input\ndone\n"));
        Assert.That(await File.ReadAllTextAsync(error), Is.EqualTo("error\n"));
    }

    /// <summary>A program that is not there is named, and nothing is left.</summary>
    [Test]
    public async Task MissingProgramIsNotFound()
    {
        using OciBundle bundle = OciBundle.Create("/no/such/program");
        string id = NewId();
        OciRuntimeException? e = Assert.ThrowsAsync<OciRuntimeException>(() => Runtime.RunAsync(id, bundle.Path));
        Assert.That(e!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(e.Message, Does.Contain("/no/such/program").And.Contain(id));
        Assert.That(await Runtime.FindAsync(id), Is.Null);
    }

    /// <summary>A cancelled run kills and deletes.</summary>
    [Test]
    public async Task CancelledRunLeavesNothing()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sh", "-c", "echo up; sleep 1000");
        string id = NewId();
        using var cancel = new CancellationTokenSource();
        (AnonymousPipeServerStream read, SafeFileHandle write) = OutputPipe();
        using (read)
        {
            Task<int> run = Runtime.RunAsync(id, bundle.Path, new RuntimeLaunchOptions { Stdio = new RuntimeStdio { Output = write } }, cancel.Token);
            await read.ReadExactlyAsync(new byte[3]);
            await cancel.CancelAsync();
            Assert.That(async () => await run, Throws.InstanceOf<OperationCanceledException>());
            write.Dispose();
            Assert.That(await read.ReadAsync(new byte[1]).AsTask().WaitAsync(Patience), Is.Zero, "the process is gone");
        }
        Assert.That(await Runtime.FindAsync(id), Is.Null);
    }

    /// <summary>Preparation runs on a thread of its own, and its failure is the verb's.</summary>
    [Test]
    public void LaunchThreadIsItsOwn()
    {
        using OciBundle bundle = OciBundle.Create("/bin/true");
        int caller = Environment.CurrentManagedThreadId, launch = caller;
        var options = new RuntimeLaunchOptions
        {
            OnLaunchThread = () =>
            {
                launch = Environment.CurrentManagedThreadId;
                throw new InvalidOperationException("not today");
            },
        };
        Assert.That(async () => await Runtime.RunAsync(NewId(), bundle.Path, options), Throws.InvalidOperationException.With.Message.EqualTo("not today"));
        Assert.That(launch, Is.Not.EqualTo(caller));
    }

    /// <summary>An ID of the test, whose container is deleted after it.</summary>
    protected string NewId()
    {
        string id = $"conformance-{Guid.NewGuid():N}";
        ids.Add(id);
        return id;
    }

    /// <summary>The kind of the runtime's exception that a call throws.</summary>
    /// <param name="verb">The call.</param>
    protected static ErrorKind Kind(Func<Task> verb) => Assert.ThrowsAsync<OciRuntimeException>(() => verb())!.Kind;

    private static SafeFileHandle Write(string path) => File.OpenHandle(path, FileMode.Create, FileAccess.Write);

    /// <summary>A pipe whose writing end a container can have. Both ends are the caller's.</summary>
    protected static (AnonymousPipeServerStream Read, SafeFileHandle Write) OutputPipe()
    {
        var read = new AnonymousPipeServerStream(PipeDirection.In);
        var write = new SafeFileHandle(read.ClientSafePipeHandle.DangerousGetHandle(), ownsHandle: true);
        read.ClientSafePipeHandle.SetHandleAsInvalid();
        return (read, write);
    }
}
