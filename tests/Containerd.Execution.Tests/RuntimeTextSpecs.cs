using System.Text;

namespace Containerd.Execution.Tests;

public sealed class RuntimeTextSpecs
{
    [TestCase("runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n", "runc", "1.1.5", "1.0.2")]
    [TestCase("crun version 1.8.1\ncommit: f8a0\nrundir: /run/crun\nspec: 1.0.0\n+SYSTEMD\n", "crun", "1.8.1", "1.0.0")]
    [TestCase("runsc version release-20221219.0\nspec: 1.0.2-dev\n", "runsc", "20221219.0", "1.0.2")]
    [TestCase("youki version 0.5.3\n", "youki", "0.5.3", null)]
    public void VersionIsParsed(string text, string name, string version, string? specification)
    {
        RuntimeInfo info = RuntimeVersionText.Parse(text)!;
        Assert.That(info.Name, Is.EqualTo(name));
        Assert.That(info.Version, Is.EqualTo(Version.Parse(version)));
        Assert.That(info.SpecificationVersion, Is.EqualTo(specification is null ? null : Version.Parse(specification)));
    }

    [TestCase("")]
    [TestCase("usage: frobnicate")]
    public void OtherProgramsAreNoRuntime(string text) => Assert.That(RuntimeVersionText.Parse(text), Is.Null);

    [TestCase("create", "container with given ID already exists", ErrorKind.AlreadyExists)]
    [TestCase("state", "container does not exist", ErrorKind.NotFound)]
    [TestCase("kill", "container not running", ErrorKind.NotFound)]
    [TestCase("pause", "container not running", ErrorKind.FailedPrecondition)]
    [TestCase("create", "runc create failed: unable to start container process: exec: \"/nope\": stat /nope: no such file or directory", ErrorKind.NotFound)]
    [TestCase("create", "runc create failed: unable to set hostname without a private UTS namespace", ErrorKind.InvalidArgument)]
    [TestCase("run", "container init was OOM-killed (memory limit too low?)", ErrorKind.ResourceExhausted)]
    [TestCase("delete", "cannot delete container x that is not stopped: running", ErrorKind.FailedPrecondition)]
    [TestCase("run", "something new", ErrorKind.Unknown)]
    public void MessagesHaveKinds(string verb, string message, ErrorKind kind) => Assert.That(RuntimeDialect.Runc.Classify(verb, message), Is.EqualTo(kind));

    [Test]
    public void LogIsRead()
    {
        using var log = new RuntimeLog();
        File.AppendAllText(log.Path, """
            {"level":"warning","msg":"first","time":"2026-01-01T00:00:00Z"}
            {"level":"error","msg":"bad\u001b[31m thing"}
            panic: not JSON
            {"level":"error"}
            """);
        (IReadOnlyList<string> messages, string? error) = log.Read();
        Assert.That(error, Is.EqualTo(@"bad\u001b[31m thing"));
        Assert.That(messages, Is.EqualTo(new[] { "first", @"bad\u001b[31m thing", "panic: not JSON", """{"level":"error"}""" }));
    }

    [Test]
    public void LogIsBounded()
    {
        using var log = new RuntimeLog();
        var text = new StringBuilder();
        for (int i = 0; i < 100_000; i++)
            text.Append("{\"level\":\"error\",\"msg\":\"").Append(i).Append("\"}\n");
        File.AppendAllText(log.Path, text.ToString());
        (IReadOnlyList<string> messages, string? error) = log.Read();
        Assert.That(messages, Has.Count.EqualTo(100));
        Assert.That(error, Is.EqualTo("99999"));
    }

    [TestCase("a")]
    [TestCase("job-42.x_y")]
    public void IdentifierIsAccepted(string id) => Assert.That(() => Identifier.Check(id, "container ID"), Throws.Nothing);

    [TestCase("")]
    [TestCase(".hidden")]
    [TestCase("-x")]
    [TestCase("a--b")]
    [TestCase("a-")]
    [TestCase("a/b")]
    [TestCase("..")]
    [TestCase("ä")]
    [TestCase("a b")]
    public void IdentifierIsRefused(string id) => Assert.That(() => Identifier.Check(id, "container ID"), Throws.TypeOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument));

    [Test]
    public void IdentifierIsBounded()
    {
        Assert.That(() => Identifier.Check(new string('a', 76), "container ID"), Throws.Nothing);
        Assert.That(() => Identifier.Check(new string('a', 77), "container ID"), Throws.TypeOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.InvalidArgument));
    }

    [Test]
    public void EnvironmentIsStripped()
    {
        Assert.That(RuntimeEnvironment.IsWithheld("NOTIFY_SOCKET"));
        Assert.That(RuntimeEnvironment.IsWithheld("_LIBCONTAINER_LOGPIPE"));
        Assert.That(RuntimeEnvironment.IsWithheld("PATH"), Is.False);
    }
}
