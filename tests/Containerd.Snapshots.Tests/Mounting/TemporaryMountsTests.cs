using System.Diagnostics;
using System.Runtime.Versioning;
using Containerd.Conformance;
using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

[RequiresRoot, UnsupportedOSPlatform("windows")]
public class TemporaryMountsTests
{
    private static readonly Mount Tmpfs = new() { Type = "tmpfs", Source = "tmpfs" };

    private string _directory = "", _temporary = "", _source = "";
    private MessageLog _log = null!;

    [SetUp]
    public void MakeDirectory()
    {
        _directory = Directory.CreateTempSubdirectory("temporary-mounts-").FullName;
        _temporary = Path.Join(_directory, "temporary");
        _source = Directory.CreateDirectory(Path.Join(_directory, "source")).FullName;
        Directory.CreateDirectory(Path.Join(_source, "inner"));
        File.WriteAllText(Path.Join(_source, "precious"), "");
        _log = new MessageLog();
    }

    [TearDown]
    public void DeleteDirectory()
    {
        new LinuxMounter().Unmount(_directory, UnmountOptions.Recursive | UnmountOptions.Lazy);
        Directory.Delete(_directory, recursive: true);
        _log.Dispose();
    }

    [Test]
    public void What_a_killed_process_held_is_swept_and_nothing_is_deleted()
    {
        using Process child = Hold();
        string held = Trees().Single();
        Assert.That(MountsIn(held), Has.Count.EqualTo(2));

        using (Detach())
            Assert.That(MountsIn(held), Has.Count.EqualTo(2), "its owner lives");
        child.Kill();
        child.WaitForExit();
        Assert.That(MountsIn(held), Has.Count.EqualTo(2), "a killed process unmounts nothing");

        Detach().Dispose();
        Assert.That(Directory.Exists(held), Is.False);
        Assert.That(Trees(), Is.Empty);
        Assert.That(File.Exists(Path.Join(_source, "precious")));
        Assert.That(_log.Messages, Has.Some.Contains(Path.GetFileName(held)));
    }

    [Test]
    public void What_is_in_use_or_not_empty_stays_until_it_is_not_and_is_told()
    {
        using Process child = Hold();
        string held = Trees().Single();
        using (FileStream used = File.OpenRead(Path.Join(held, "0/precious")))
        {
            child.Kill();
            child.WaitForExit();
            Detach().Dispose();
            Assert.That(Directory.Exists(held));
            Assert.That(_log.Messages, Has.Some.Contains("busy"));
        }
        Detach().Dispose();
        Assert.That(Trees(), Is.Empty);

        // Not what a process leaves, so it is not taken for that.
        string strange = Directory.CreateDirectory(Path.Join(_temporary, "0123456789abcdef/0")).FullName;
        File.WriteAllText(Path.Join(_temporary, "0123456789abcdef.lock"), "");
        File.WriteAllText(Path.Join(strange, "file"), "");
        Detach().Dispose();
        Assert.That(File.Exists(Path.Join(strange, "file")));
    }

    [Test]
    public void The_directory_is_private_and_stays_one_mount()
    {
        for (int i = 0; i < 3; i++)
            Detach().Dispose();
        List<MountTableEntry> mounts = MountTable.Read().At(_temporary);
        Assert.That(mounts, Has.Count.EqualTo(1));
        Assert.That(mounts[0].Propagates, Is.False);
        Assert.That(File.GetUnixFileMode(_temporary), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        Assert.That(Directory.GetFileSystemEntries(_temporary).Select(Path.GetFileName), Is.EqualTo(new[] { "lock" }));
    }

    [Test]
    public void A_shared_parent_gets_none_of_the_mounts()
    {
        var mounter = new LinuxMounter();
        string shared = Directory.CreateDirectory(Path.Join(_directory, "shared")).FullName, peer = Directory.CreateDirectory(Path.Join(_directory, "peer")).FullName;
        mounter.Mount([Tmpfs with { Options = ["shared"] }], shared);
        mounter.Mount([new Mount { Type = "bind", Source = shared, Options = ["bind"] }], peer);
        _temporary = Path.Join(shared, "temporary");
        using IDetachedMount tree = Detach();
        Assert.That(MountsIn(Trees().Single()), Has.Count.EqualTo(2));
        Assert.That(MountsIn(Path.Join(peer, "temporary")), Has.Count.EqualTo(1), "the directory itself, before it was made private");
    }

    [Test]
    public void A_directory_of_somebody_else_is_refused()
    {
        Directory.CreateDirectory(_temporary, (UnixFileMode)0x1FF);
        File.SetUnixFileMode(_temporary, (UnixFileMode)0x1FF);
        Assert.That(() => Detach(), Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.PermissionDenied));
        Directory.Delete(_temporary);
        Directory.CreateSymbolicLink(_temporary, _source);
        Assert.That(() => Detach(), Throws.InstanceOf<ContainerdException>());
        Assert.That(() => new LinuxMounterOptions { TemporaryDirectory = "relative" }, Throws.ArgumentException);
    }

    [Test]
    public void Whoever_has_the_lock_for_too_long_is_named()
    {
        Detach().Dispose();
        string path = Path.Join(_temporary, "lock");
        using FileStream held = File.Open(path, new FileStreamOptions { Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite });
        Assert.That(Interop.Sys.TryLock(held.SafeFileHandle, path));
        var mounts = new TemporaryMounts(_temporary, _log) { LockTimeout = TimeSpan.FromMilliseconds(100) };
        ContainerdException failure = Assert.Throws<ContainerdException>(() => mounts.NewTree().Dispose())!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.Unavailable));
        Assert.That(failure.Subject, Is.EqualTo(_temporary));
        Assert.That(failure.Message, Does.Contain(path).And.Contain($"(process {Environment.ProcessId})"));
        held.Dispose();
        mounts.NewTree().Dispose();
    }

    [Test]
    public void Many_threads_share_it()
    {
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            using IDetachedMount tree = Detach();
            File.WriteAllText(Path.Join(tree.Path, "inner/mine"), $"{i}");
            Assert.That(File.ReadAllText(Path.Join(tree.Path, "inner/mine")), Is.EqualTo($"{i}"));
        });
        Assert.That(Trees(), Is.Empty, string.Join('\n', _log.Messages));
        Assert.That(MountTable.Read().At(_temporary), Has.Count.EqualTo(1));
    }

    [Test, RequiresFileSystem("overlay")]
    public void Layers_that_an_older_kernel_cannot_detach_are_mounted()
    {
        string[] layers = [.. Enumerable.Range(0, 100).Select(i => Directory.CreateDirectory(Path.Join(_directory, $"layer-{i}")).FullName)];
        var mounter = new LinuxMounter(new() { TemporaryDirectory = _temporary }) { Limits = new() { NewestOverlayForm = OverlayForm.OneValue } };
        File.WriteAllText(Path.Join(layers[99], "file"), "");
        using (IDetachedMount tree = mounter.MountDetached([new OverlayMount { LowerDirectories = [.. layers] }.ToMount()]))
            Assert.That(File.Exists(Path.Join(tree.Path, "file")));
        Assert.That(Trees(), Is.Empty);
    }

    private IDetachedMount Detach() => new LinuxMounter(new() { TemporaryDirectory = _temporary }, loggerFactory: _log) { Limits = new() { AttachesTrees = true } }
        .MountDetached([Mount.Bind(_source), Tmpfs with { Target = "inner" }]);

    private Process Hold()
    {
        Process child = Process.Start(new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, "mount", "hold", _temporary, _source])
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
        })!;
        Assert.That(child.StandardOutput.ReadLine(), Is.EqualTo("held"));
        return child;
    }

    private string[] Trees() => Directory.Exists(_temporary) ? Directory.GetDirectories(_temporary) : [];

    private static List<MountTableEntry> MountsIn(string directory) => MountTable.Read().At(directory);

    private sealed class MessageLog : ILoggerFactory, ILogger
    {
        public List<string> Messages { get; } = [];

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Messages)
                Messages.Add(formatter(state, exception));
        }

        public void Dispose()
        {
        }
    }
}
